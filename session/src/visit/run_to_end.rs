//! A commit that has begun runs to its end, whoever goes away.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::error::Error;

/// A future that, once polled, is handed to the worker when its owner drops it.
///
/// actix drops a request's future when the client resets the connection; half a commit is worse than a whole one.
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
        // Outside of an actix worker there is nobody to hand it to, and a panicking thread has stopped trusting itself.
        if !std::thread::panicking() && actix_web::rt::System::is_registered() {
            actix_web::rt::spawn(async move {
                if let Err(error) = future.await {
                    tracing::error!(%error, "a session could not be saved, and the client has gone");
                }
            });
        }
    }
}
