//! The steps of a build from source.

/// One target of FreeBSD's makefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Compiles the world.
    World,
    /// Compiles what a kernel is compiled with, where no world is.
    KernelToolchain,
    /// Compiles the kernel.
    Kernel,
    /// Installs the world.
    InstallWorld,
    /// Installs `/etc` and what else an installed world begins with.
    Distribution,
    /// Installs the kernel.
    InstallKernel,
}

impl Step {
    /// The make(1) target.
    pub const fn target(self) -> &'static str {
        match self {
            Self::World => "buildworld",
            Self::KernelToolchain => "kernel-toolchain",
            Self::Kernel => "buildkernel",
            Self::InstallWorld => "installworld",
            Self::Distribution => "distribution",
            Self::InstallKernel => "installkernel",
        }
    }

    /// The log's name, NanoBSD's.
    pub const fn log(self) -> &'static str {
        match self {
            Self::World => "_.bw",
            Self::KernelToolchain => "_.kt",
            Self::Kernel => "_.bk",
            Self::InstallWorld => "_.iw",
            Self::Distribution => "_.etc",
            Self::InstallKernel => "_.ik",
        }
    }

    /// Whether it compiles; else it installs.
    pub const fn compiles(self) -> bool {
        matches!(self, Self::World | Self::KernelToolchain | Self::Kernel)
    }

    /// Whether it is about the kernel's configuration.
    pub const fn is_kernel(self) -> bool {
        matches!(self, Self::Kernel | Self::InstallKernel)
    }
}
