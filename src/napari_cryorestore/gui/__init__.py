"""What napari shows: thin Qt skins over models that know no Qt."""
