"""What standard objects do by themselves: records every org has, and fields that follow from others."""
