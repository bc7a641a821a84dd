//! Which addresses the world outside may be reached at. Pure: no name is looked up and nothing is connected here.
//!
//! What always holds: an address that is not plainly public needs the operator's word for it, and an address of a
//! machine's own metadata needs that word for itself alone, not for a range around it.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, before the operator is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Anyone's network.
    Public,
    /// Somebody's inside: reachable when the operator lists a range that holds it.
    Inside,
    /// Link-local, and the metadata services of clouds: reachable when the operator lists exactly this address.
    Guarded,
}

/// May a connection be opened to this address?
pub(crate) fn allowed(address: IpAddr, allow: &[IpNet]) -> bool {
    let address = address.to_canonical();
    let listed = allow.iter().any(|net| net.contains(&address));
    let exactly = allow.iter().any(|net| net.prefix_len() == net.max_prefix_len() && net.contains(&address));
    match class(address) {
        Class::Public => true,
        Class::Guarded => exactly,
        // A translated address is as good as the address it stands for.
        Class::Inside => exactly || (listed && embedded(address).is_none_or(|inner| allowed(IpAddr::V4(inner), allow))),
    }
}

/// What an address is. An IPv4 address in IPv6 clothes is judged by the address it stands for, and is never better
/// than [`Class::Inside`]: only the operator knows that a translator is meant to be used.
pub(crate) fn class(address: IpAddr) -> Class {
    match address.to_canonical() {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => match embedded(IpAddr::V6(v6)).map(class_v4) {
            Some(Class::Guarded) => Class::Guarded,
            Some(_) => Class::Inside,
            None => class_v6(v6),
        },
    }
}

/// Networks of IPv4 that are not anyone's: address, prefix length.
const INSIDE_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, the reserved block and broadcast.
    ([224, 0, 0, 0], 3),
];

/// Metadata services outside link-local: Azure's wire server, Alibaba, Oracle.
const GUARDED_V4: [[u8; 4]; 3] = [[168, 63, 129, 16], [100, 100, 100, 200], [192, 0, 0, 192]];

/// Metadata services of AWS and Google over IPv6.
const GUARDED_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

fn class_v4(address: Ipv4Addr) -> Class {
    if address.is_link_local() || GUARDED_V4.contains(&address.octets()) {
        return Class::Guarded;
    }
    let bits = u32::from(address);
    let inside = INSIDE_V4.iter().any(|(net, length)| (bits ^ u32::from(Ipv4Addr::from(*net))) >> (32 - length) == 0);
    if inside { Class::Inside } else { Class::Public }
}

fn class_v6(address: Ipv6Addr) -> Class {
    let segments = address.segments();
    if segments[0] & 0xffc0 == 0xfe80 || GUARDED_V6.contains(&address) {
        return Class::Guarded;
    }
    // Only 2000::/3 is handed out. Inside it: protocol assignments (2001::/23), documentation, 6to4.
    let handed_out = segments[0] & 0xe000 == 0x2000;
    let special = (segments[0] == 0x2001 && segments[1] & 0xfe00 == 0)
        || (segments[0] == 0x2001 && segments[1] == 0xdb8)
        || (segments[0] == 0x3fff && segments[1] & 0xf000 == 0)
        || segments[0] == 0x2002;
    if handed_out && !special { Class::Public } else { Class::Inside }
}

/// The IPv4 address that a translating form of IPv6 leads to.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let s = v6.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        // Unspecified and loopback are themselves, not forms of 0.0.0.0 and 0.0.0.1.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible ::a.b.c.d, mapped ::ffff:a.b.c.d, translated ::ffff:0:a.b.c.d.
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            of(high, low)
        }
        // NAT64, the well-known prefix and the local one.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => of(high, low),
        // 6to4.
        [0x2002, high, low, ..] => of(high, low),
        // Teredo hides the client's address behind an exclusive or.
        [0x2001, 0, _, _, _, _, high, low] => of(!high, !low),
        // ISATAP.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => of(high, low),
        _ => None,
    }
}
