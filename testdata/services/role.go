package main

// reflexRole is what `reflex run` needs of Elasticsearch and no more;
// connectors/OPERATING.md gives the same as JSON, and a test compares them.
const reflexRole = `reflex_writer:
  cluster: [monitor]
  indices:
    - names: ["logs-reflex.*"]
      privileges: [auto_configure, create_doc]
    - names: ["reflex-incidents-*"]
      privileges: [auto_configure, index]
`
