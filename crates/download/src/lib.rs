//! Verified, parallel, resumable downloads.
//!
//! A [`Request`] names a file: the addresses it can be had from, in the order in which they are tried, the place it shall
//! lie at, and what is known of its content. A [`Downloader`] gets it there:
//!
//! - What arrives is written to a file beside the destination, with `.part` behind its name, hashed on the way, and
//!   renamed when it is complete and right. A destination that exists is therefore complete.
//! - An interrupted download is taken up where it stopped, in the same run or a later one, if the server can do that.
//! - Failures that may pass (time-outs, resets, 5xx) are tried again after a while; those that do not, at the next address.
//! - Content that is not what was expected is thrown away, and the next address is tried.
//!
//! `http`, `https` and `file` addresses are understood; `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` are
//! respected; certificates are checked against the system's store (or the file in `SSL_CERT_FILE` or `NIX_SSL_CERT_FILE`).
//!
//! Callers with a tokio runtime use [`Downloader`], those without [`BlockingDownloader`]. An [`Exchange`] asks web
//! interfaces single questions and hands the answers to the caller. A [`Web`] asks one server many things at once, puts
//! files there, and brings long answers as a [`Transfer`] that outlives its connections.

mod attempt;
mod blocking;
mod cancellation;
mod client;
mod downloader;
mod error;
mod exchange;
mod part;
mod progress;
mod request;
mod transfer;
mod web;

pub use blocking::BlockingDownloader;
pub use cancellation::Cancellation;
pub use client::Settings;
pub use downloader::Downloader;
pub use error::{Error, Result};
pub use exchange::{Answer, Exchange, Question};
pub use progress::{Progress, Silent};
pub use request::{Expected, Request};
pub use transfer::Transfer;
pub use url::Url;
pub use web::{Header, Upload, Web};
