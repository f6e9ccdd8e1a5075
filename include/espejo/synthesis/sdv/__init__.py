"""Engine sdv: CTGAN of the SDV library, in a process of its own."""
