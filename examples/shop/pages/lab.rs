//! The page that tries out what other shops lose.

use maud::{Markup, html};

use super::frame::page;
use crate::{
    lab::{Experiment, Finding},
    state::Shop,
};

/// What came of an experiment.
pub(crate) fn lab(shop: &Shop, experiment: Experiment, findings: &[Finding]) -> Markup {
    let mark = |value: &str, expected: &str| {
        html! {
            @if value == expected { span class="kept" { "✓ " (value) } } @else { span class="lost" { "✗ " (value) } }
        }
    };
    let contents = html! {
        section class="inside lab" aria-labelledby="lab-title" {
            h2 id="lab-title" { (experiment.title()) }
            p { (experiment.story()) }
            div class="scrolls" tabindex="0" role="region" aria-label="Findings" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Afterwards" }
                            th scope="col" { "In this shop" }
                            th scope="col" { "In a session that is stored whole " small { "(simulated)" } }
                        }
                    }
                    tbody {
                        @for Finding { what, expected, here, there } in findings {
                            tr { th scope="row" { (what) } td { (mark(here, expected)) } td { (mark(there, expected)) } }
                        }
                    }
                }
            }
            p {
                small {
                    "The middle column was read just now from the store of this shop, where the requests of a visitor of the experiment ran into \
                     each other. The right one is a simulation of a session that each request reads as one value and writes back as one value; \
                     it is no library in particular."
                }
            }
        }
        section class="inside" aria-labelledby="more-title" {
            h2 id="more-title" { "What other shops lose" }
            (choice())
            p { a href="/" { "Back to the shop" } }
        }
    };
    page(shop, "What other shops lose", None, &contents)
}

/// A button for each experiment. An experiment changes nothing of the visitor's, so asking for one is a GET.
pub(super) fn choice() -> Markup {
    html! {
        p { "Each button tries it now, with a visitor of its own in the store of this shop, and shows what is left." }
        form action="/lab" class="choice" {
            @for experiment in Experiment::ALL {
                button class="quiet" name="try" value=(experiment.name()) { (experiment.title()) }
            }
        }
    }
}
