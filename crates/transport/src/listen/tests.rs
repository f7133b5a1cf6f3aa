use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Drain;
use crate::testing::LOCAL;

#[test]
fn a_taken_port_is_named_in_the_error() {
    let first = Listener::bind(LOCAL).unwrap();
    let error = Listener::bind(first.addr()).unwrap_err();
    assert!(matches!(error, BindError::InUse(addr) if addr == first.addr()));
    assert!(error.to_string().contains("in use"), "{error}");
}

#[test]
fn a_foreign_address_is_named_in_the_error() {
    let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 0);
    assert!(matches!(Listener::bind(addr).unwrap_err(), BindError::NotLocal(_)));
}

#[test]
fn siblings_share_a_port_but_a_second_instance_cannot_join_them() {
    let siblings = Listener::bind_shared(LOCAL, 3).unwrap();
    let addr = siblings[0].addr();
    assert!(siblings.iter().all(|listener| listener.addr() == addr));
    assert!(matches!(Listener::bind_shared(addr, 3).unwrap_err(), BindError::InUse(_)), "shared beside shared");
    assert!(matches!(Listener::bind(addr).unwrap_err(), BindError::InUse(_)), "alone beside shared");
    drop(siblings);
    assert_eq!(Listener::bind_shared(addr, 2).unwrap().len(), 2, "free again");
}

#[test]
fn shared_refuses_a_port_that_one_listener_holds() {
    let single = Listener::bind(LOCAL).unwrap();
    assert!(matches!(Listener::bind_shared(single.addr(), 2).unwrap_err(), BindError::InUse(_)));
}

#[tokio::test]
async fn the_kernel_spreads_connections_over_siblings() {
    let siblings = Listener::bind_shared(LOCAL, 2).unwrap();
    let addr = siblings[0].addr();
    let mut acceptors: Vec<_> = siblings.into_iter().map(|listener| listener.start().unwrap()).collect();
    let mut counts = [0, 0];
    let mut open = Vec::new();
    // With 64 connections the chance that one sibling gets none is 2^-63.
    for _ in 0..64 {
        open.push(TcpStream::connect(addr).await.unwrap());
        let [one, other] = acceptors.as_mut_slice() else { unreachable!() };
        let index = tokio::select! {
            accepted = one.accept() => accepted.map(|_| 0),
            accepted = other.accept() => accepted.map(|_| 1),
        };
        counts[index.unwrap()] += 1;
    }
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
}

/// Fails a few times as a process without free descriptors does, then ends.
struct Exhausted {
    failures: usize,
    asked: Arc<AtomicUsize>,
}

impl Accept for Exhausted {
    async fn accept(&mut self) -> io::Result<Option<Accepted>> {
        const EMFILE: i32 = 24;
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_accept_waits_instead_of_spinning() {
    let asked = Arc::new(AtomicUsize::new(0));
    let started = tokio::time::Instant::now();
    assert!(next(&mut Exhausted { failures: 10, asked: Arc::clone(&asked) }).await.is_none());
    assert_eq!(asked.load(Ordering::SeqCst), 11);
    // 10, 20, 40 ... 640 ms, then three times 1 s.
    assert!(started.elapsed() >= Duration::from_millis(4270), "{:?}", started.elapsed());
}

#[test]
fn a_client_that_left_is_no_reason_to_wait() {
    assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
    assert!(!concerns_one_connection(&io::Error::from_raw_os_error(24)));
}

/// Opens connections one by one and tells which of the workers got each.
async fn spread(addr: SocketAddr, workers: &mut [Handed], count: usize) -> Vec<(usize, Accepted, TcpStream)> {
    let mut got = Vec::new();
    for _ in 0..count {
        let client = TcpStream::connect(addr).await.unwrap();
        let [one, other] = workers else { unreachable!() };
        let (index, accepted) = tokio::select! {
            accepted = one.accept() => (0, accepted),
            accepted = other.accept() => (1, accepted),
        };
        let accepted = accepted.unwrap().unwrap();
        assert_eq!(accepted.peer, client.local_addr().unwrap());
        assert!(accepted.stream.nodelay().unwrap());
        got.push((index, accepted, client));
    }
    got
}

#[tokio::test]
async fn the_worker_with_the_fewest_connections_gets_the_next() {
    let listener = Listener::bind(LOCAL).unwrap();
    let addr = listener.addr();
    let (drain, watch) = Drain::new();
    let (first, one) = Handed::queue(8);
    let (second, other) = Handed::queue(8);
    let counts = [first.clone(), second.clone()];
    let hand_out = distribute(listener.start().unwrap(), vec![first, second], watch);
    let test = async {
        let mut workers = [one, other];
        let got = spread(addr, &mut workers, 6).await;
        assert_eq!(got.iter().map(|(index, ..)| index).sum::<usize>(), 3);
        assert_eq!(counts.each_ref().map(Handout::open), [3, 3]);
        let kept: Vec<_> = got.into_iter().filter(|(index, ..)| *index == 0).collect();
        assert_eq!(counts.each_ref().map(Handout::open), [3, 0], "a connection that ends is not counted");
        let got = spread(addr, &mut workers, 3).await;
        assert!(got.iter().all(|(index, ..)| *index == 1));
        drop((got, kept));
        drain.start(Duration::ZERO);
    };
    tokio::join!(hand_out, test);
}

#[tokio::test]
async fn full_and_dead_workers_are_passed_over_and_the_last_one_ends_it() {
    let listener = Listener::bind(LOCAL).unwrap();
    let addr = listener.addr();
    let (_drain, watch) = Drain::new();
    let (first, mut small) = Handed::queue(1);
    let (second, mut large) = Handed::queue(8);
    let (third, dead) = Handed::queue(1);
    drop(dead);
    let hand_out = distribute(listener.start().unwrap(), vec![first, second, third], watch);
    let test = async {
        let mut open = Vec::new();
        for _ in 0..5 {
            open.push(TcpStream::connect(addr).await.unwrap());
        }
        for _ in 0..4 {
            open.push(large.accept().await.unwrap().unwrap().stream);
        }
        open.push(small.accept().await.unwrap().unwrap().stream);
        drop((small, large));
        open.push(TcpStream::connect(addr).await.unwrap());
    };
    tokio::join!(hand_out, test);
}
