package rule

// testOptions gives what conditions of the samples call.
func testOptions() Options {
	return Options{Functions: testFunctions(), Lists: fakeLists{"known_networks": nil, "model_namespaces": nil, "sanctioned": nil}}
}
