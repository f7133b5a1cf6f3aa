use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn public_addresses_pass() {
    for text in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]
    {
        assert!(is_public(parse(text)), "{text}");
    }
    assert!(is_public(parse("64:ff9b::808:808")));
}

#[test]
fn private_local_and_special_addresses_do_not() {
    let blocked = [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "3fff::1",
        "100::1",
        "5f00::1",
    ];
    for text in blocked {
        assert!(!is_public(parse(text)), "{text}");
        assert!(AddressPolicy::Any.allows(parse(text)));
        assert!(!AddressPolicy::PublicOnly.allows(parse(text)));
    }
}

proptest! {
    #[test]
    fn a_mapped_address_is_judged_as_the_address_itself(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(is_public(IpAddr::V6(v4.to_ipv6_mapped())), is_public(IpAddr::V4(v4)));
    }

    #[test]
    fn what_the_standard_library_calls_local_is_never_public(bits: u32, six: u128) {
        let v4 = Ipv4Addr::from_bits(bits);
        if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() {
            prop_assert!(!is_public(IpAddr::V4(v4)));
        }
        let v6 = Ipv6Addr::from_bits(six);
        if v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast() {
            prop_assert!(!is_public(IpAddr::V6(v6)));
        }
    }
}
