"""What ELF files say: symbols, build ids, sections, call-frame information."""
