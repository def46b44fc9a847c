//! What people read: the reference, the document, the pages of error codes.
