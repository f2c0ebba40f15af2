//! What one machine of several with the same image has of its own: keys, a name, a wireless network.
//!
//! [`Personal`] is checked as it is put together, so that a card that cannot be reached is no surprise of the field. It
//! becomes the bytes of the place that images keep free ([`disk_image::personal`]), which [`PersonalImage`] finds in an
//! image: in a file to patch it, in a stream to replace what passes.

mod archive;
mod image;
mod settings;

pub use image::{PersonalImage, copy_sparse, patch};
pub use settings::{HostKey, HostLabel, Personal, Wifi};
