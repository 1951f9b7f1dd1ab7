package rule

// testOptions gives what conditions of the samples call.
func testOptions() Options { return Options{} }
