"""What a general picture-and-text model adds: names of stages, finding by words, a second opinion. All of it optional."""
