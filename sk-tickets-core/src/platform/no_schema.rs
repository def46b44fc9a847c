//! What stands in for `schema` where nobody asked for it: nothing.

/// Gives a request its schema: only with the feature `schema`.
#[doc(hidden)]
#[macro_export]
macro_rules! request_schema {
    ($($ignored:tt)*) => {};
}

/// Gives words their schema: only with the feature `schema`.
#[doc(hidden)]
#[macro_export]
macro_rules! words_schema {
    ($($ignored:tt)*) => {};
}
