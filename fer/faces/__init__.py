"""From a photo to face crops: read it, find its faces, cut them out as FER-2013 frames its own."""
