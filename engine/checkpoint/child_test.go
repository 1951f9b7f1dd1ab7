package checkpoint

func child(dir string) {}
