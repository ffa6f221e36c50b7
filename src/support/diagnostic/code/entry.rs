//! A row of the table of codes, and the type that is made of all rows.

use super::area::Area;

/// What the table says about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its part of the program.
    pub area: Area,
    /// Its name: `unknown-key`.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub title: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Its name in older versions: `E04`; empty where it had none.
    pub former: &'static str,
}

macro_rules! codes {
    ($($area:ident { $($variant:ident $name:literal $([$former:literal])? $title:literal $cause:literal $fix:literal)* })*) => {
        /// The stable name of a kind of error or warning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $title] $variant,)*)*
        }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// Its row of the table.
            pub fn entry(self) -> Entry {
                match self {
                    $($(Self::$variant => Entry {
                        area: Area::$area,
                        name: $name,
                        title: $title,
                        cause: $cause,
                        fix: $fix,
                        former: concat!($($former)?),
                    },)*)*
                }
            }
        }
    };
}

pub(super) use codes;
