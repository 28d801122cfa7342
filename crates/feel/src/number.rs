//! FEEL's numbers: decimals of 34 digits, as the reference computes them (Java's `BigDecimal` with `DECIMAL128`).
use num_bigint::{BigInt, Sign};
use num_traits::{Signed, ToPrimitive, Zero};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Digits that a result of arithmetic keeps.
const PRECISION: u64 = 34;

/// The largest magnitude of an exponent; beyond it a text is no number and a power is not computed.
const MAX_EXPONENT: i64 = 20_000;

/// How a number is rounded to fewer digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
    /// A result that would have to be rounded is an error.
    Unnecessary,
}

/// A decimal number: `unscaled × 10^-scale`.
#[derive(Clone, Debug)]
pub struct Number {
    unscaled: BigInt,
    scale: i64,
}

fn power_of_ten(exponent: u64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(u32::MAX))
}

fn digits(value: &BigInt) -> u64 {
    if value.is_zero() {
        return 1;
    }
    value.magnitude().to_string().len() as u64
}

/// `dividend / divisor`, rounded; `None` if it had to be rounded and must not be. The divisor is positive.
fn divided(dividend: &BigInt, divisor: &BigInt, rounding: Rounding) -> Option<BigInt> {
    let quotient = dividend / divisor;
    let rest = (dividend - &quotient * divisor).abs();
    if rest.is_zero() {
        return Some(quotient);
    }
    let negative = dividend.is_negative();
    let half = (&rest * 2u8).cmp(divisor);
    let away = match rounding {
        Rounding::Unnecessary => return None,
        Rounding::Up => true,
        Rounding::Down => false,
        Rounding::Ceiling => !negative,
        Rounding::Floor => negative,
        Rounding::HalfUp => half != Ordering::Less,
        Rounding::HalfDown => half == Ordering::Greater,
        Rounding::HalfEven => half == Ordering::Greater || (half == Ordering::Equal && quotient.bit(0)),
    };
    Some(match (away, negative) {
        (false, _) => quotient,
        (true, false) => quotient + 1,
        (true, true) => quotient - 1,
    })
}

impl Number {
    fn new(unscaled: BigInt, scale: i64) -> Number {
        Number { unscaled, scale }
    }

    /// The number that a double's shortest text names; `None` for infinities and what is no number.
    pub fn from_f64(value: f64) -> Option<Number> {
        value.is_finite().then(|| format!("{value:?}").parse().ok())?
    }

    /// Rounded to so many digits.
    fn to_precision(&self, precision: u64) -> Number {
        let surplus = digits(&self.unscaled).saturating_sub(precision);
        if surplus == 0 {
            return self.clone();
        }
        let unscaled =
            divided(&self.unscaled, &power_of_ten(surplus), Rounding::HalfEven).unwrap_or_default();
        let rounded = Number::new(unscaled, self.scale - surplus as i64);
        // 99…9 may have become 100…0.
        if digits(&rounded.unscaled) > precision {
            rounded.to_precision(precision)
        } else {
            rounded
        }
    }

    /// Both unscaled values at the larger scale, and that scale.
    fn aligned(&self, other: &Number) -> (BigInt, BigInt, i64) {
        let scale = self.scale.max(other.scale);
        let at = |n: &Number| &n.unscaled * power_of_ten((scale - n.scale) as u64);
        (at(self), at(other), scale)
    }

    /// The sum.
    pub fn plus(&self, other: &Number) -> Number {
        let (a, b, scale) = self.aligned(other);
        Number::new(a + b, scale).to_precision(PRECISION)
    }

    /// The difference.
    pub fn minus(&self, other: &Number) -> Number {
        self.plus(&other.negated())
    }

    /// The product.
    pub fn times(&self, other: &Number) -> Number {
        Number::new(&self.unscaled * &other.unscaled, self.scale + other.scale).to_precision(PRECISION)
    }

    /// The quotient; `None` when dividing by zero.
    pub fn over(&self, other: &Number) -> Option<Number> {
        if other.is_zero() {
            return None;
        }
        let preferred = self.scale - other.scale;
        if self.is_zero() {
            return Some(Number::new(
                BigInt::zero(),
                preferred.clamp(-MAX_EXPONENT, MAX_EXPONENT),
            ));
        }
        // Enough digits for a correctly rounded quotient.
        let extra = (PRECISION + 3 + digits(&other.unscaled)).saturating_sub(digits(&self.unscaled));
        let dividend = &self.unscaled * power_of_ten(extra);
        let divisor = other.unscaled.abs();
        let dividend = if other.unscaled.is_negative() {
            -dividend
        } else {
            dividend
        };
        let quotient = &dividend / &divisor;
        let exact = (&quotient * &divisor) == dividend;
        // A sticky digit keeps ties apart from what lies just beside them.
        let (quotient, scale) = if exact {
            (quotient, preferred + extra as i64)
        } else {
            let sign = if quotient.is_negative() { -1 } else { 1 };
            (quotient * 10 + sign, preferred + extra as i64 + 1)
        };
        let mut result = Number::new(quotient, scale).to_precision(PRECISION);
        if exact {
            result.strip_to(preferred);
        }
        Some(result)
    }

    /// Removes trailing zeros as long as the scale stays above `least`.
    fn strip_to(&mut self, least: i64) {
        let ten = BigInt::from(10);
        while self.scale > least {
            let next = &self.unscaled / &ten;
            if &next * &ten != self.unscaled {
                return;
            }
            self.unscaled = next;
            self.scale -= 1;
        }
    }

    /// What is left of a division that gives a whole number, with the dividend's sign.
    pub fn remainder(&self, other: &Number) -> Option<Number> {
        if other.is_zero() {
            return None;
        }
        let (a, b, scale) = self.aligned(other);
        Some(Number::new(a % b, scale).to_precision(PRECISION))
    }

    /// A power; whole exponents are exact up to the precision, others computed as doubles. `None`: no number, or too
    /// large to be computed.
    pub fn power(&self, exponent: &Number) -> Option<Number> {
        if !exponent.is_whole() {
            return Number::from_f64(self.to_f64().powf(exponent.to_f64()));
        }
        let exponent = exponent.to_i64().filter(|e| e.abs() <= MAX_EXPONENT)?;
        let working = PRECISION + digits(&BigInt::from(exponent)) + 1;
        let mut result = Number::from(1);
        let mut base = self.clone();
        let mut left = exponent.unsigned_abs();
        while left > 0 {
            if left & 1 == 1 {
                result = Number::new(&result.unscaled * &base.unscaled, result.scale + base.scale)
                    .to_precision(working);
            }
            base = Number::new(&base.unscaled * &base.unscaled, base.scale * 2).to_precision(working);
            left >>= 1;
            if base.scale.abs() > MAX_EXPONENT * 2 {
                break;
            }
        }
        if left > 0 || result.scale.abs() > MAX_EXPONENT {
            return None;
        }
        if exponent < 0 {
            Number::from(1).over(&result)
        } else {
            Some(result.to_precision(PRECISION))
        }
    }

    /// With the other sign.
    pub fn negated(&self) -> Number {
        Number::new(-&self.unscaled, self.scale)
    }

    /// Without its sign.
    pub fn abs(&self) -> Number {
        Number::new(self.unscaled.abs(), self.scale)
    }

    /// With so many digits behind the point; `None` if it had to be rounded and must not be, or the scale is absurd.
    pub fn with_scale(&self, scale: i64, rounding: Rounding) -> Option<Number> {
        if scale.abs() > MAX_EXPONENT {
            return None;
        }
        if scale >= self.scale {
            let unscaled = &self.unscaled * power_of_ten((scale - self.scale) as u64);
            return Some(Number::new(unscaled, scale));
        }
        let unscaled = divided(
            &self.unscaled,
            &power_of_ten((self.scale - scale) as u64),
            rounding,
        )?;
        Some(Number::new(unscaled, scale))
    }

    pub fn is_zero(&self) -> bool {
        self.unscaled.is_zero()
    }

    pub fn is_negative(&self) -> bool {
        self.unscaled.is_negative()
    }

    /// Whether nothing is behind the point.
    pub fn is_whole(&self) -> bool {
        self.scale <= 0 || (&self.unscaled % power_of_ten(self.scale as u64)).is_zero()
    }

    fn whole_part(&self) -> BigInt {
        if self.scale > 0 {
            &self.unscaled / power_of_ten(self.scale as u64)
        } else {
            &self.unscaled * power_of_ten(self.scale.unsigned_abs())
        }
    }

    /// The whole part, if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.whole_part().to_i64()
    }

    /// The whole part as Java's `intValue` gives it: its low 32 bits.
    pub fn to_i32(&self) -> i32 {
        let low = self.whole_part() & BigInt::from(u32::MAX);
        low.to_u32().unwrap_or_default() as i32
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        format!("{}e{}", self.unscaled, -self.scale)
            .parse()
            .unwrap_or(f64::NAN)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::new(BigInt::from(value), 0)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let (a, b, _) = self.aligned(other);
        a.cmp(&b)
    }
}

/// A text that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANumber;

impl FromStr for Number {
    type Err = NotANumber;

    /// Reads what Java's `BigDecimal` reads: a sign, digits with at most one point, an exponent.
    fn from_str(text: &str) -> Result<Number, NotANumber> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (
                &text[..at],
                text[at + 1..].parse::<i64>().map_err(|_| NotANumber)?,
            ),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{whole}{fraction}");
        let scale = fraction.len() as i64 - exponent;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || scale.abs() > MAX_EXPONENT {
            return Err(NotANumber);
        }
        let unscaled = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or(NotANumber)?;
        let negative = mantissa.starts_with('-');
        Ok(Number::new(if negative { -unscaled } else { unscaled }, scale))
    }
}

impl fmt::Display for Number {
    /// As Java's `BigDecimal.toString`: plain digits, or with an exponent when the scale is negative or the number
    /// very small.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        let adjusted = digits.len() as i64 - 1 - self.scale;
        if self.scale == 0 {
            return f.write_str(&digits);
        }
        if self.scale > 0 && adjusted >= -6 {
            let scale = self.scale as usize;
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            return write!(f, "{whole}.{fraction}");
        }
        let (first, rest) = digits.split_at(1);
        f.write_str(first)?;
        if !rest.is_empty() {
            write!(f, ".{rest}")?;
        }
        if adjusted != 0 {
            write!(f, "E{adjusted:+}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Number {
        text.parse().expect("a number")
    }

    #[test]
    fn arithmetic_keeps_34_digits_and_the_scale_that_java_prefers() {
        assert_eq!(
            n("1").over(&n("3")).unwrap().to_string(),
            format!("0.{}", "3".repeat(34))
        );
        assert_eq!(
            n("2").over(&n("3")).unwrap().to_string(),
            format!("0.{}7", "6".repeat(33))
        );
        assert_eq!(n("100").over(&n("10")).unwrap().to_string(), "10");
        assert_eq!(n("1").over(&n("8")).unwrap().to_string(), "0.125");
        assert_eq!(n("1.20").plus(&n("1")).to_string(), "2.20");
        assert_eq!(n("1.5").times(&n("1.50")).to_string(), "2.250");
        assert_eq!(n("2").power(&n("10")).unwrap().to_string(), "1024");
        assert_eq!(n("2").power(&n("-2")).unwrap().to_string(), "0.25");
        assert_eq!(n("7").remainder(&n("-3")).unwrap().to_string(), "1");
        assert!(n("1").over(&n("0.0")).is_none());
    }

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        for text in ["0", "1E+3", "0.000001", "1E-7", "-1.50", "1.2E+10", "0.00"] {
            assert_eq!(n(text).to_string(), text);
        }
        assert_eq!(n("5").to_i32(), 5);
        assert_eq!(n("-5.9").to_i32(), -5);
        assert_eq!(n("4294967297").to_i32(), 1);
    }

    #[test]
    fn equal_numbers_may_have_different_scales() {
        assert_eq!(n("1.0"), n("1"));
        assert!(n("1.01") > n("1"));
        assert!(n("1.00").is_whole());
    }
}
