//! The goods of the shop and their prices. A real shop keeps them in its database.

use std::fmt;

/// An amount of money. Prices stay on the server; the session holds only which goods are in the cart, and how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cents(pub(crate) u32);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "€ {}.{:02}", self.0 / 100, self.0 % 100)
    }
}

pub(crate) struct Tea {
    pub(crate) sku: u32,
    pub(crate) name: &'static str,
    pub(crate) taste: &'static str,
    pub(crate) price: Cents,
    /// The colour of the tea in the cup, as a CSS colour.
    pub(crate) colour: &'static str,
}

pub(crate) const TEAS: [Tea; 6] = [
    tea(11, "Sencha", "Green, from Japan. Fresh grass and a little sea.", 640, "#b5bd4f"),
    tea(12, "Darjeeling", "Black, first flush. Light, with muscat and flowers.", 790, "#d99a3d"),
    tea(13, "Assam", "Black, strong, malty. Takes milk well.", 520, "#9a3f1d"),
    tea(14, "Oolong", "Half dark. Roasted nuts, then honey.", 880, "#c47a2c"),
    tea(15, "Rooibos", "No caffeine. Warm and sweet, for the evening.", 450, "#b4502d"),
    tea(16, "Mint", "Peppermint leaves and nothing else.", 390, "#a9c17a"),
];

const fn tea(sku: u32, name: &'static str, taste: &'static str, cents: u32, colour: &'static str) -> Tea {
    Tea { sku, name, taste, price: Cents(cents), colour }
}

pub(crate) fn find(sku: u32) -> Option<&'static Tea> {
    TEAS.iter().find(|tea| tea.sku == sku)
}
