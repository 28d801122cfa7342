//! Which addresses connectors may reach: those of the internet, and what the operator has opened. A model must not be
//! a way into the network that the engine stands in.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

/// A target that the operator opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everything.
    All,
    /// A network: `10.1.0.0/16`, or one address.
    Network(IpAddr, u8),
    /// A host by its name or address as URLs write it, perhaps with a port: `localhost:8080`.
    Host(String, Option<u16>),
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        if text == "*" {
            return Ok(Rule::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address
                .parse()
                .map_err(|_| format!("'{address}' is no IP address"))?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.parse().ok().filter(|bits| *bits <= most);
            return Ok(Rule::Network(
                address,
                bits.ok_or_else(|| format!("'{text}' is no network"))?,
            ));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Rule::Network(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Rule::Host(address.ip().to_string(), Some(address.port())));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (
                host,
                Some(port.parse().map_err(|_| format!("'{port}' is no port"))?),
            ),
            None => (text, None),
        };
        match host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == ':') {
            true => Err(format!("'{text}' is no host, address or network")),
            false => Ok(Rule::Host(host.to_ascii_lowercase(), port)),
        }
    }
}

/// The operator's rules.
#[derive(Clone, Debug, Default)]
pub struct Filter(Arc<[Rule]>);

impl Filter {
    pub fn new(rules: &[Rule]) -> Filter {
        Filter(rules.into())
    }

    /// Whether a host is opened by its name, whatever its addresses are.
    pub fn opens(&self, host: &str, port: u16) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.0.iter().any(|rule| match rule {
            Rule::All => true,
            Rule::Host(name, at) => name.eq_ignore_ascii_case(host) && at.is_none_or(|at| at == port),
            Rule::Network(..) => false,
        })
    }

    /// Whether an address may be connected to.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = plain(address);
        !is_internal(address)
            || self.0.iter().any(|rule| match rule {
                Rule::All => true,
                Rule::Network(network, bits) => within(address, plain(*network), *bits),
                Rule::Host(..) => false,
            })
    }
}

/// An IPv4 address that is written as IPv6 is that.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), v6.segments()) {
            (Some(v4), _) => IpAddr::V4(v4),
            // Translated by NAT64.
            (None, [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
                let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            _ => address,
        },
        v4 => v4,
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let shifted = |address: u128, width: u8| address.checked_shr((width - bits).into()).unwrap_or(0);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            shifted(u32::from(a).into(), 32) == shifted(u32::from(b).into(), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => shifted(a.into(), 128) == shifted(b.into(), 128),
        _ => false,
    }
}

/// Loopback, private, link-local (clouds' metadata among them), shared, reserved and multicast addresses.
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || is_local_v6(v6)
                // Tunnels to IPv4.
                || v6.segments()[0] == 0x2002
        }
    }
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(rules: &[&str]) -> Filter {
        Filter::new(&rules.iter().map(|rule| rule.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn internal_addresses_are_closed_until_they_are_opened() {
        let closed = filter(&[]);
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!closed.admits(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "2606:4700::1111"] {
            assert!(closed.admits(address.parse().unwrap()), "{address}");
        }
        let open = filter(&["10.1.0.0/16", "fd00::/8", "127.0.0.1"]);
        for address in ["10.1.255.1", "fd12::1", "127.0.0.1", "::ffff:10.1.0.1"] {
            assert!(open.admits(address.parse().unwrap()), "{address}");
        }
        assert!(!open.admits("10.2.0.1".parse().unwrap()));
        assert!(filter(&["*"]).admits("127.0.0.1".parse().unwrap()));
        assert!(filter(&["0.0.0.0/0"]).admits("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn hosts_are_opened_by_name_and_port() {
        let filter = filter(&["localhost:8080", "Internal.example", "127.0.0.1:9000"]);
        assert!(filter.opens("localhost", 8080) && !filter.opens("localhost", 80));
        assert!(filter.opens("internal.example", 443) && filter.opens("127.0.0.1", 9000));
        assert!("10.0.0.0/40".parse::<Rule>().is_err() && "a b".parse::<Rule>().is_err());
    }
}
