//! What management asks of the program around the engine, which alone knows the configuration file.

use std::fmt;
use std::sync::OnceLock;

use config::Config;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

/// Orders that may wait to be carried out.
const QUEUE: usize = 16;

/// Something to be done, and where to tell how it went.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration file again; an error says why the old one stays.
    Reload(oneshot::Sender<Result<Reloaded, String>>),
}

/// What a reload has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Always `ok`: an error has another shape.
    pub status: &'static str,
    /// The settings that have other values.
    pub settings: Vec<String>,
    /// Who came and who went, in words.
    pub changes: String,
}

/// Where the whole configuration can be had again: a snapshot keeps what has become of the entries of places, not the
/// entries.
#[derive(Default)]
pub(crate) struct Source(OnceLock<Box<Configured>>);

type Configured = dyn Fn() -> Option<Config> + Send + Sync;

impl Source {
    /// From here on; a second one is not asked.
    pub(crate) fn set(&self, source: Box<Configured>) {
        // The first stays.
        _ = self.0.set(source);
    }

    /// The configuration in force. Takes as long as reading it.
    pub(crate) fn read(&self) -> Option<Config> {
        self.0.get().and_then(|source| source())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// The way of orders to whoever carries them out.
#[derive(Debug, Default)]
pub(crate) struct Orders(OnceLock<mpsc::Sender<Order>>);

impl Orders {
    /// The orders from now on, for the one who carries them out; a second one gets none.
    pub(crate) fn receive(&self) -> mpsc::Receiver<Order> {
        let (sender, orders) = mpsc::channel(QUEUE);
        // The first stays.
        _ = self.0.set(sender);
        orders
    }

    /// Hands an order over.
    ///
    /// # Errors
    /// The order itself, when nobody is there or too many wait.
    pub(crate) fn give(&self, order: Order) -> Result<(), Order> {
        match self.0.get() {
            None => Err(order),
            Some(sender) => sender.try_send(order).map_err(|error| error.into_inner()),
        }
    }
}
