//! Whole conversions.

mod copies;
mod desk;
mod devices;
mod functions;
mod hooks;
mod paths;
mod reading;
mod reads;
mod variables;
