-- Sluice: the root is the slot that this loader was loaded from. Written by the image builder.
--
-- boot2 hands the BIOS drive and the slice on, and the loader keeps them in "loaddev": "disk0s1a:" or "disk0s2a:".
-- The running system calls it @DRIVE@ and the slice. A disk that is not known by that name (a network, a second drive or an
-- engineer's stick, where the slices have no labels) is left alone, and so is a root that loader.conf sets.
--
-- A root that cannot be mounted must end in a reboot and not at the "mountroot>" prompt, where nobody is. The kernel reads
-- the variable as a script (sys/kern/vfs_mountroot.c, parse_mount): a lone ".onfail" in it is a parse error, and that takes the
-- default action, a panic. Mount options would be put behind it and make it legal, so none are set: read-only is the default.

local device = loader.getenv("loaddev") or loader.getenv("currdev") or ""
local slice = device:match("^disk@DISK@s([12])a:?$")

if slice ~= nil and loader.getenv("vfs.root.mountfrom") == nil then
	loader.setenv("vfs.root.mountfrom", "ufs:/dev/@DRIVE@s" .. slice .. "a .onfail")
	loader.unsetenv("vfs.root.mountfrom.options")
end

-- Whatever fails from here on must end in a restart, too, and not at the "OK" prompt: a slot on trial then gives way to the
-- previous one, and what failed for once gets another try. No key stops the restart, because a serial line can be noisy.

local config = require("config")
local loadelf = config.loadelf
local loadKernel = config.loadKernel
local kernel_is_loaded = false

local function restart(reason)
	print("Sluice: " .. reason .. "; restarting in 10 s")
	loader.delay(10000000)
	loader.perform("reboot")
end

-- The variable "kernelname" does not tell: it is set before the kernel's segments are read.
function config.loadKernel(...)
	kernel_is_loaded = loadKernel(...)
	return kernel_is_loaded
end

function config.loadelf()
	-- boot2 was told to pause: `p` was chosen in the boot manager's menu. The kernel would pause, too.
	if loader.getenv("boot_pause") ~= nil then
		loader.unsetenv("boot_pause")
		loader.setenv("autoboot_delay", "NO")
		return loadelf()
	end
	-- A module that is missing does not keep the kernel from booting.
	local status = loadelf()
	if not kernel_is_loaded then
		restart("no kernel could be loaded")
	elseif loader.perform("autoboot") ~= 0 then
		restart("the kernel could not be started")
	end
	return status
end
