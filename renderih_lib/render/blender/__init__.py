"""Everything that runs inside Blender: the only package that imports bpy, always in a child process."""
