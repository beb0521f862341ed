# What the hypervisor costs, in instructions.

BENCHES += bench-metal

.PHONY: bench-metal
bench-metal: programs ## exits and starts in instructions, memory, exit rates
	@tests/bench/metal.py
