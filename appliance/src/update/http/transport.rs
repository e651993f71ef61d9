//! Connections that are watched: one on which nothing, or next to nothing, arrives is given up, and waiting ends when the
//! command is to stop.

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Error, Timeout};

use crate::update::watch::{Arrival, Patience, Watch};

/// Wraps every connection in a [`Watched`] one.
#[derive(Debug)]
pub struct Watcher(pub Patience);

/// A connection that is watched.
#[derive(Debug)]
pub struct Watched<T> {
    inner: T,
    watch: Watch,
}

impl<T: Transport> Connector<T> for Watcher {
    type Out = Watched<T>;

    fn connect(&self, _: &ConnectionDetails, chained: Option<T>) -> Result<Option<Watched<T>>, Error> {
        Ok(chained.map(|inner| Watched { inner, watch: Watch::new(self.0.clone()) }))
    }
}

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let Self { inner, watch } = self;
        let arrived = watch.wait(|step| {
            let before = inner.buffers().input().len();
            let timeout = NextTimeout { after: step.into(), reason: Timeout::PerRead, ..timeout };
            match inner.await_input(timeout) {
                Err(Error::Timeout(_)) => Ok(Arrival::Nothing),
                Err(error) => Err(error),
                Ok(false) => Ok(Arrival::End),
                Ok(true) => Ok(Arrival::Bytes(inner.buffers().input().len() - before)),
            }
        })?;
        Ok(arrived > 0)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}
