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

-- A kernel that cannot be loaded must end in a restart, too, and not at the "OK" prompt: a slot on trial gives way to the old
-- one then. Any key during the wait keeps the prompt.

local config = require("config")
local loadelf = config.loadelf

function config.loadelf()
	local status = loadelf()
	if loader.getenv("kernelname") ~= nil then
		return status
	end
	print("Sluice: no kernel could be loaded; restarting in 10 s, any key stops that")
	for _ = 1, 100 do
		if io.ischar() then
			return status
		end
		loader.delay(100000)
	end
	loader.perform("reboot")
end
