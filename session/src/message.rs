//! Errors whose `Debug` form is their message.

/// `main` prints the `Debug` form of the error that it returns, and people read it.
macro_rules! debug_is_the_message {
    ($error:ty) => {
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(crate) use debug_is_the_message;
