//! Parts of the benchmark: a mock upstream, a load driver, the bare proxies that set the limit, and readings
//! from the operating system. Knows nothing of the product but its command line and config file,
//! save for the choice of accounts, which is too small a part of a request to be seen from outside.

pub mod arena;
pub mod bodies;
pub mod driver;
pub mod measure;
pub mod mock;
pub mod process;
pub mod proxy;
pub mod report;
pub mod rows;
pub mod selection;
pub mod stats;

/// Any failure that ends the run with a message.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// What fallible parts of the benchmark return.
pub type Result<T> = std::result::Result<T, Error>;
