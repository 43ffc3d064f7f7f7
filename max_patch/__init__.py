"""What makes the patches for Max, Ableton Live and Pure Data; the standard library alone.

Flow: controls, max_objects -> graph -> device, midi_device -> maxpat, amxd, picture -> generate -> files;
controls -> pd_patch -> generate.
"""
