//! Experiments: what a session must keep when requests run into each other, and what a session that is stored whole keeps then.
//!
//! Read in this order:
//!
//! * `basket`: the state of the experiments, in two releases.
//! * `visitor`: requests in this process, through the real middleware and into the real store.
//! * `outage`: a store that can be cut off.
//! * `whole`: the simulation.
//! * `experiments`: what is tried.
//!
//! Never: touches the session of the visitor who asks.

mod basket;
mod experiments;
mod outage;
mod visitor;
mod whole;

use actix_typed_session::store::AnyStore;
use serde::Deserialize;

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Experiment {
    TwoTabs,
    SlowRequest,
    Outage,
    Deploy,
}

/// One thing that was looked at after an experiment.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) what: &'static str,
    /// What a visitor expects.
    pub(crate) expected: String,
    /// What the store of the shop has.
    pub(crate) here: String,
    /// What the simulated session has.
    pub(crate) there: String,
}

impl Experiment {
    pub(crate) const ALL: [Self; 4] = [Self::TwoTabs, Self::SlowRequest, Self::Outage, Self::Deploy];

    /// The name in an address.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::TwoTabs => "two-tabs",
            Self::SlowRequest => "slow-request",
            Self::Outage => "outage",
            Self::Deploy => "deploy",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::TwoTabs => "Two tabs at once",
            Self::SlowRequest => "A slow request across a sign-out",
            Self::Outage => "The store goes down",
            Self::Deploy => "A deploy",
        }
    }

    pub(crate) const fn story(self) -> &'static str {
        match self {
            Self::TwoTabs => {
                "A cart has one tea. Two tabs add one each, and both have read the cart before either of them stores it."
            }
            Self::SlowRequest => {
                "Ada is signed in. One tab adds a tea and takes its time; meanwhile, she signs out in another tab. Then the slow one ends."
            }
            Self::Outage => {
                "A cart has three teas. The store fails while a request reads the session, and works again when that request adds a tea."
            }
            Self::Deploy => {
                "A cart has one tea. A new release knows coupons: it keeps one, and adds a tea. Then a server of the old release, which does not \
                 know coupons, adds a tea."
            }
        }
    }

    /// Tries it with a visitor of its own in `store`.
    ///
    /// # Errors
    /// When the middleware cannot be built.
    pub(crate) async fn run(self, store: &AnyStore) -> Result<Vec<Finding>, actix_web::Error> {
        match self {
            Self::TwoTabs => experiments::two_tabs(store).await,
            Self::SlowRequest => experiments::slow_request(store).await,
            Self::Outage => experiments::outage(store).await,
            Self::Deploy => experiments::deploy(store).await,
        }
    }
}
