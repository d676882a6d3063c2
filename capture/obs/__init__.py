"""OBS as a neighbour: obs-websocket 5 over our own small client, pictures of a scene, start and stop of the stream."""
