//! Enums whose every case is a sentence.

/// Declares an enum of which each case has a sentence: its `Display`.
macro_rules! sentences {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$case_doc:meta])* $case:ident = $sentence:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $(#[doc = $sentence] $case,)+ }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$case,)+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$case => $sentence,)+ })
            }
        }
    };
}

pub(super) use sentences;
