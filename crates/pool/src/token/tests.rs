use std::cell::RefCell;
use std::task::{Context, Poll, Waker};

use hub::FaultKind;

use super::*;
use crate::BoxFuture;

const HOUR: Duration = Duration::from_secs(3600);
const NOW: Duration = HOUR;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOW
}

fn token(expires: SystemTime) -> Token {
    Token::new(Some(Credential { secret: Secret::new("old"), expires: Some(expires) }))
}

fn fresh() -> Credential {
    Credential { secret: Secret::new("new"), expires: Some(now() + HOUR) }
}

/// Fifty callers that wait for whoever was entrusted.
struct Fifty<'a> {
    waiting: Vec<BoxFuture<'a, Option<Renewal>>>,
    at_once: Vec<Renewal>,
}

fn fifty<'a>(token: &'a Token, desk: &'a Desk) -> Fifty<'a> {
    let mut fifty = Fifty { waiting: Vec::new(), at_once: Vec::new() };
    for _ in 0..50 {
        match token.at_hand(now()) {
            Some(renewal) => fifty.at_once.push(renewal),
            None => fifty.waiting.push(Box::pin(token.renewed(|lead| desk.0.lock().unwrap().push(lead)))),
        }
    }
    fifty.waiting.iter_mut().for_each(|call| assert!(poll(call).is_none()));
    fifty
}

/// Where the right to renew is laid down.
#[derive(Default)]
struct Desk(Mutex<Vec<Renewing>>);

impl Desk {
    fn only(&self) -> Renewing {
        let mut leads = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(leads.len(), 1);
        leads.remove(0)
    }
}

fn poll<T>(call: &mut BoxFuture<'_, T>) -> Option<T> {
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[test]
fn fifty_calls_on_an_expired_token_renew_it_once() {
    let (token, desk) = (token(now()), Desk::default());
    let mut calls = fifty(&token, &desk);
    assert_eq!(calls.waiting.len(), 50);
    let lead = desk.only();
    token.put(fresh());
    lead.land(Ok(Secret::new("new")));
    for call in &mut calls.waiting {
        assert_eq!(poll(call).unwrap().unwrap().unwrap().expose(), "new");
    }
    let later = fifty(&token, &desk);
    assert!(later.waiting.is_empty() && later.at_once.iter().all(|it| it.as_ref().unwrap().expose() == "new"));
}

#[test]
fn a_renewal_that_fails_is_everybodys_answer_and_the_next_may_try_again() {
    let (token, desk) = (token(now()), Desk::default());
    let mut calls = fifty(&token, &desk);
    desk.only().land(Err(Fault::new(FaultKind::UpstreamRefused, "no")));
    for call in &mut calls.waiting {
        assert_eq!(poll(call).unwrap().unwrap().unwrap_err().kind, FaultKind::UpstreamRefused);
    }
    drop(calls);
    assert_eq!(fifty(&token, &desk).waiting.len(), 50);
    desk.only();
}

#[test]
fn callers_that_hang_up_leave_the_renewal_alone() {
    let (token, desk) = (token(now()), Desk::default());
    let mut calls = fifty(&token, &desk);
    drop(calls.waiting.remove(0));
    assert!(calls.waiting.iter_mut().all(|call| poll(call).is_none()));
    desk.only().land(Ok(Secret::new("new")));
    assert!(calls.waiting.iter_mut().all(|call| poll(call).is_some()));
}

#[test]
fn a_renewal_that_is_dropped_goes_to_who_waits_and_is_given_up_in_the_end() {
    let (token, desk) = (token(now()), Desk::default());
    let mut calls = fifty(&token, &desk);
    drop(desk.only());
    calls.waiting.iter_mut().for_each(|call| assert!(poll(call).is_none()));
    desk.only().land(Ok(Secret::new("new")));
    assert!(calls.waiting.iter_mut().all(|call| poll(call).is_some()));
    // Whoever drops each at once is not asked for ever.
    let beginnings = RefCell::new(0);
    let mut call = Box::pin(token.renewed(|_| *beginnings.borrow_mut() += 1));
    let end = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(end, Poll::Ready(None)) && *beginnings.borrow() < 10);
}

#[test]
fn a_token_that_was_refused_is_renewed_unless_it_is_another_one_by_now() {
    let token = token(now() + HOUR);
    token.reject(&Secret::new("older still"));
    assert!(token.at_hand(now()).is_some());
    token.reject(&Secret::new("old"));
    assert!(token.at_hand(now()).is_none());
}

#[test]
fn what_has_ended_for_good_says_so_until_it_is_revived() {
    let token = token(now() + HOUR);
    token.end(Fault::new(FaultKind::UpstreamRefused, "gone"));
    assert!(token.at_hand(now()).unwrap().is_err());
    assert!(token.revive() && !token.revive());
    assert!(token.at_hand(now()).is_none());
}
