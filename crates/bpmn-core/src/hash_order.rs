//! What the order of some answers of the reference follows: Java's hashing.

/// `String.hashCode`.
fn hash_code(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    })
}

/// The order in which a `HashMap` or `HashSet` with these different keys, put in one after the other, lists them: as
/// indexes into `keys`.
pub fn hash_order(keys: &[&str]) -> Vec<usize> {
    let mut buckets = 16;
    while keys.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let bucket = |key: &str| {
        let hash = hash_code(key);
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    };
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|&at| bucket(keys[at]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_listed_by_bucket_and_then_by_age() {
        assert_eq!(hash_code("Aa"), hash_code("BB"));
        assert_eq!(hash_order(&["b", "BB", "a", "Aa"]), [1, 3, 2, 0]);
    }
}
