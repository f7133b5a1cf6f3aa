//! Futures whose code stands apart from the code around them.
//!
//! A future that is awaited in one place has its code copied there, boxed or not, however large it is and however
//! seldom it runs. What runs for each request then lies scattered among what does not: a relayed small request touched
//! 305 pages of code where a build by profile touches 139.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Boxes work that most requests never come to, and keeps its code away from theirs.
#[cold]
#[inline(never)]
pub fn rare<F: Future>(work: F) -> Rare<F> {
    Rare(Box::pin(work))
}

/// Boxes work that many requests come to but not all, and keeps its code together.
pub fn apart<F: Future>(work: F) -> Apart<F> {
    Apart(Box::pin(work))
}

/// Made by [`rare`].
#[derive(Debug)]
pub struct Rare<F>(Pin<Box<F>>);

/// Made by [`apart`].
#[derive(Debug)]
pub struct Apart<F>(Pin<Box<F>>);

impl<F: Future> Future for Rare<F> {
    type Output = F::Output;

    #[cold]
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(cx)
    }
}
