use super::*;
use crate::address::{Class, class};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// Destinations nobody may reach without the operator's word, as a caller may write them.
const FORBIDDEN: &[&str] = &[
    // Loopback, plainly and in every form a URL parser folds to it.
    "http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.1/", "http://127.0.1/", "http://2130706433/",
    "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0x7f.1/", "http://0177.0.0.1/", "http://017700000001/",
    "http://0177.0x0.0.1/", "http://127.0.0.1./", "http://127.255.255.254/", "http://127.0.0.2/", "http://1.0.0.127.in-addr/",
    "http://%31%32%37.0.0.1/", "http://127。0。0。1/", "http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://0/", "http://0.0.0.0/",
    "http://0.0.0.1/", "http://00000000.0.0.0/", "https://127.0.0.1:8443/x?y", "HTTP://127.0.0.1",
    // Private networks.
    "http://10.0.0.0/", "http://10.0.0.1/", "http://10.255.255.255/", "http://10.1/", "http://167772161/", "http://0xa000001/",
    "http://012.0.0.1/", "http://172.16.0.0/", "http://172.16.0.1/", "http://172.20.10.2/", "http://172.31.255.255/",
    "http://2886729729/", "http://192.168.0.0/", "http://192.168.0.1/", "http://192.168.255.255/", "http://192.168.257/",
    "http://3232235777/", "http://0xc0.0xa8.0.1/", "http://0300.0250.0.1/",
    // Shared, documentation, benchmarks, protocol assignments, multicast, reserved, broadcast.
    "http://100.64.0.0/", "http://100.64.0.1/", "http://100.127.255.255/", "http://192.0.0.1/", "http://192.0.0.170/",
    "http://192.0.2.1/", "http://192.88.99.1/", "http://198.18.0.1/", "http://198.19.255.255/", "http://198.51.100.7/",
    "http://203.0.113.9/", "http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://4294967295/",
    // Metadata services and link-local.
    "http://169.254.169.254/", "http://169.254.169.254./", "http://169.254.170.2/", "http://169.254.0.1/",
    "http://169.254.255.255/", "http://2852039166/", "http://0xa9fea9fe/", "http://0xA9.0xFE.0xA9.0xFE/",
    "http://0251.0376.0251.0376/", "http://169.254.43518/", "http://169.16689662/", "http://168.63.129.16/",
    "http://2822734096/", "http://100.100.100.200/", "http://0x646464c8/", "http://192.0.0.192/",
    // IPv6: itself, local, multicast, documentation, protocol assignments, not handed out.
    "http://[::1]/", "http://[::1]:8080/", "http://[0:0:0:0:0:0:0:1]/", "http://[0000::0001]/", "http://[::]/",
    "http://[fc00::1]/", "http://[fd12:3456:789a::1]/", "http://[fdff:ffff::1]/", "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/", "http://[fe80::1]/", "http://[febf::1]/", "http://[fec0::1]/", "http://[ff02::1]/",
    "http://[ff0e::1]/", "http://[2001:db8::1]/", "http://[3fff::1]/", "http://[100::1]/", "http://[2001:2::1]/",
    "http://[2001:10::1]/", "http://[5f00::1]/", "http://[4000::1]/", "http://[1::1]/", "http://[64:ff9b:2::1]/",
    // IPv4 in IPv6 clothes: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:10.0.0.1]/", "http://[::ffff:192.168.0.1]/", "http://[::ffff:0.0.0.0]/", "http://[::127.0.0.1]/",
    "http://[::10.0.0.1]/", "http://[::8.8.8.8]/", "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b:1::10.0.0.1]/",
    "http://[64:ff9b:1:2:3:4:a9fe:a9fe]/", "http://[2002:7f00:1::]/", "http://[2002:a9fe:a9fe::1]/",
    "http://[2002:a00:1::1]/", "http://[2002:808:808::1]/", "http://[2001:0:53aa:64c:0:0:80ff:fffe]/",
    "http://[2001::1]/", "http://[2001:4860::5efe:10.0.0.1]/", "http://[2001:4860::200:5efe:169.254.169.254]/",
    // Names that mean this machine or its metadata.
    "http://localhost/", "http://localhost./", "http://LOCALHOST/", "http://a.localhost/", "http://metadata.google.internal/",
    "http://metadata/", "http://rebound.example/", "http://mixed.example/", "http://mixed6.example/", "http://ｌｏｃａｌｈｏｓｔ/",
    // User names, and schemes that are not the web.
    "http://8.8.8.8@127.0.0.1/", "http://u:p@8.8.8.8/", "http://u@example.org/", "http://:p@example.org/", "ftp://8.8.8.8/",
    "file:///etc/passwd", "gopher://8.8.8.8/", "data:text/plain,a", "unix:/run/x", "s3://bucket/key", "http+unix://%2frun/",
];

/// What the world's name servers say in these tests.
fn names() -> Lookup {
    Arc::new(|host: String| {
        Box::pin(async move {
            let addresses: &[&str] = match host.trim_end_matches('.').to_ascii_lowercase().as_str() {
                "localhost" | "a.localhost" => &["127.0.0.1", "::1"],
                "metadata.google.internal" | "metadata" => &["169.254.169.254"],
                "rebound.example" | "1.0.0.127.in-addr" => &["10.0.0.7"],
                "mixed.example" => &["93.184.215.14", "127.0.0.1"],
                "mixed6.example" => &["2606:2800:220:1::1", "::ffff:127.0.0.1"],
                _ => return Err(io::Error::new(io::ErrorKind::NotFound, "no such host")),
            };
            Ok(addresses.iter().map(|text| text.parse().unwrap()).collect())
        })
    })
}

fn gate(allow: &[&str]) -> Gate {
    let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
    Gate::with_lookup(allow, names(), Duration::from_secs(5)).unwrap()
}

async fn get(gate: &Gate, url: &str) -> Result<reqwest::Response> {
    gate.send(reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap())).await
}

#[tokio::test]
async fn forbidden_destinations_are_refused_in_one_voice() {
    let gate = gate(&[]);
    assert!(FORBIDDEN.len() >= 120, "{}", FORBIDDEN.len());
    for text in FORBIDDEN {
        let Ok(url) = text.parse::<Url>() else { panic!("{text} is not a URL: it tests nothing") };
        let error = gate.send(reqwest::Request::new(reqwest::Method::GET, url)).await.expect_err(text);
        assert_eq!(error.kind, Kind::Refused, "{text}: {error}");
        assert!(error.message.starts_with("endpoint not allowed: "), "{text}: {error}");
        assert!(error.advice.unwrap().contains("FOREBAY_EGRESS_ALLOW"));
        assert!(!error.message.contains('@'), "{}", error.message);
    }
}

#[tokio::test]
async fn a_listener_on_a_forbidden_address_sees_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let task = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let hosts = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "a.localhost", "mixed.example", "[::ffff:127.0.0.1]", "0"];
    let closed = gate(&[]);
    for host in hosts {
        let error = get(&closed, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused, "{host}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    // The listener works: with the operator's word it is reached. It never answers, so connecting is enough.
    let open = gate(&["127.0.0.0/8"]);
    let request = tokio::spawn(async move { get(&open, &format!("http://127.0.0.1:{port}/")).await.map(|_| ()) });
    while seen.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    request.abort();
    task.abort();
}

#[track_caller]
fn check(address: &str, allow: &[&str], expected: bool) {
    let allow: Vec<IpNet> = allow.iter().map(|net| net.parse().unwrap()).collect();
    assert_eq!(address::allowed(address.parse().unwrap(), &allow), expected, "{address} with {allow:?}");
}

#[test]
fn public_addresses_need_no_word() {
    for address in ["8.8.8.8", "93.184.215.14", "52.216.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
        "192.169.0.1", "169.253.0.1", "223.255.255.255", "198.20.0.1", "2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8"]
    {
        check(address, &[], true);
    }
}

#[test]
fn the_operators_list_opens_what_it_holds_and_nothing_beside_it() {
    check("10.1.2.3", &["10.1.0.0/16"], true);
    check("10.2.2.3", &["10.1.0.0/16"], false);
    check("::ffff:10.1.2.3", &["10.1.0.0/16"], true);
    check("::1", &["::1/128"], true);
    check("127.0.0.1", &["::1/128"], false);
    check("fd00::7", &["fd00::/8"], true);
}

#[test]
fn metadata_and_link_local_open_only_by_their_exact_address() {
    for (address, exact) in [
        ("169.254.169.254", "169.254.169.254/32"),
        ("168.63.129.16", "168.63.129.16/32"),
        ("100.100.100.200", "100.100.100.200/32"),
        ("192.0.0.192", "192.0.0.192/32"),
        ("fd00:ec2::254", "fd00:ec2::254/128"),
        ("fe80::1", "fe80::1/128"),
        ("::ffff:169.254.169.254", "169.254.169.254/32"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe/128"),
    ] {
        check(address, &["0.0.0.0/0", "::/0"], false);
        check(address, &[exact], true);
    }
}

#[test]
fn a_translated_address_is_as_good_as_what_it_stands_for() {
    check("64:ff9b::8.8.8.8", &["64:ff9b::/96"], true);
    check("64:ff9b::10.0.0.1", &["64:ff9b::/96"], false);
    check("64:ff9b::10.0.0.1", &["64:ff9b::/96", "10.0.0.0/8"], true);
    assert_eq!(class("2002:a9fe:a9fe::1".parse().unwrap()), Class::Guarded);
}

#[tokio::test]
async fn names_are_looked_up_once_and_no_rebinding_helps() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    // An allowed address at first, another ever after.
    let lookup: Lookup = Arc::new(move |_| {
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move { Ok(vec![if first { "127.0.0.2" } else { "127.0.0.1" }.parse().unwrap()]) })
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // The first answer is let through, and nothing listens there: no connection is made elsewhere.
    let gate = Gate::with_lookup(vec!["127.0.0.2/32".parse().unwrap()], lookup, Duration::from_secs(1)).unwrap();
    let url = format!("http://twice.example:{port}/");
    assert!(matches!(get(&gate, &url).await.unwrap_err().kind, Kind::Unavailable { .. }));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(get(&gate, &url).await.unwrap_err().kind, Kind::Refused);
    assert!(futures::FutureExt::now_or_never(listener.accept()).is_none());
}

#[tokio::test]
async fn a_name_that_is_unknown_is_unreachable_not_refused() {
    let error = get(&gate(&[]), "http://nowhere.example/").await.unwrap_err();
    assert!(matches!(error.kind, Kind::Unavailable { .. }), "{error}");
}
