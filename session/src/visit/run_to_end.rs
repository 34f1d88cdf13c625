//! A commit that has begun runs to its end, even if its request is dropped.
//!
//! In: a future. Out: the same, handed to the worker when its owner drops it half way. Never: a future that was not begun.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::error::Error;

/// A future that is handed to the worker if its owner drops it after the first poll.
///
/// actix drops a request's future when the client resets the connection, and half a commit is worse than a whole one.
pub(crate) struct RunToEnd<T: 'static, F: Future<Output = Result<T, Error>> + 'static> {
    future: Option<Pin<Box<F>>>,
    begun: bool,
}

impl<T, F: Future<Output = Result<T, Error>>> RunToEnd<T, F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)), begun: false }
    }
}

impl<T, F: Future<Output = Result<T, Error>>> Future for RunToEnd<T, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.begun = true;
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T: 'static, F: Future<Output = Result<T, Error>> + 'static> Drop for RunToEnd<T, F> {
    fn drop(&mut self) {
        let Some(future) = self.future.take().filter(|_| self.begun) else { return };
        // Outside of an actix worker there is no one to hand it to; in a panicking thread nothing can be trusted.
        if !std::thread::panicking() && actix_web::rt::System::is_registered() {
            actix_web::rt::spawn(async move {
                if let Err(error) = future.await {
                    tracing::error!(%error, "a session could not be saved; the client has gone, so nobody was told");
                }
            });
        }
    }
}
