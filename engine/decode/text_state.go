package decode

// What a restart needs of build text: one entry for each job, whose fields are
// named below in the order of the types they belong to. A field that comes
// later goes to the end of its type, and stateVersion rises.

// state is for what belongs to no job.
func (t *textDecoder) state(c *coder) { number(c, &t.mem.now) }

// state writes or reads a job. Not in it: where the job hangs in the memory.
func (j *textJob) state(c *coder) {
	c.str(&j.key)
	number(c, &j.order)
	number(c, &j.touched)
	j.ci.state(c)
	number(c, &j.time)
	number(c, &j.first)
	c.flag(&j.shipped)
	c.flag(&j.stamped)
	c.flag(&j.fine)
	j.part.state(c)
	j.hold.state(c)
	j.last.state(c)
	j.start.state(c)
	j.step.state(c)
	number(c, &j.steps)
	c.flag(&j.failed)
	c.flag(&j.over)
	j.env.state(c)
	j.notice.state(c)
	j.models.state(c)
	number(c, &j.reads)
	c.str(&j.keyID)
	number(c, &j.keyRead)
	c.str(&j.digest)
	list(c, &j.names, func(c *coder, n *nameOf) {
		c.addr(&n.addr)
		c.str(&n.name)
	})
}

func (ci *ciContext) state(c *coder) {
	for _, s := range [...]*string{
		&ci.provider, &ci.repo, &ci.run, &ci.jobID, &ci.jobName, &ci.workflow, &ci.workflowPath, &ci.ref, &ci.sha, &ci.environment, &ci.event,
		&ci.runner, &ci.runnerID, &ci.group, &ci.image, &ci.host, &ci.pod, &ci.namespace, &ci.container, &ci.file, &ci.label, &ci.inZip,
	} {
		c.str(s)
	}
	number(c, &ci.attempt)
	list(c, &ci.runnerLabels, (*coder).str)
	number(c, &ci.hosted)
	number(c, &ci.ephemeral)
}

func (p *textPlace) state(c *coder) {
	c.origin(&p.origin)
	number(c, &p.time)
	c.flag(&p.created)
	number(c, &p.segment)
}

func (h *heldText) state(c *coder) {
	c.bytes(&h.text)
	h.at.state(c)
	number(c, &h.lines)
	number(c, &h.kind)
	number(c, &h.width)
	for i := range h.stream {
		number(c, &h.stream[i])
	}
	list(c, &h.cuts, number[int])
	if from := 0; c.reading {
		for _, to := range h.cuts {
			if to < from || to > len(h.text) {
				c.fail()
			}
			from = to
		}
		if h.kind > holdBase64 {
			c.fail()
		}
	}
}

// state leaves out what the ring has not come to yet.
func (r *ring) state(c *coder) {
	number(c, &r.n)
	number(c, &r.part)
	number(c, &r.top)
	if r.n < 0 {
		c.fail()
	}
	last := r.top
	for i := range min(max(r.n, 0), len(r.place)) {
		step := r.place[i] - last // small: neighbours stand close in the topic
		number(c, &step)
		last += step
		r.place[i] = last
		number(c, &r.sum[i])
	}
}

func (s *pendingStart) state(c *coder) {
	s.at.state(c)
	c.str(&s.id)
	c.str(&s.text)
	number(c, &s.lines)
	c.flag(&s.open)
	c.flag(&s.done)
	c.flag(&s.uses)
}

func (s *textStep) state(c *coder) {
	c.str(&s.name)
	c.str(&s.id)
	number(c, &s.start)
	s.at.state(c)
	c.flag(&s.open)
	c.flag(&s.group)
	s.seen.state(c)
	c.str(&s.proc)
}

// state leaves out what the set has not come to yet.
func (s *seenSet) state(c *coder) {
	number(c, &s.n)
	if s.n < 0 {
		c.fail()
	}
	for i := range min(max(s.n, 0), len(s.hashes)) {
		c.fixed(&s.hashes[i])
	}
}

func (e *envRun) state(c *coder) {
	e.at.state(c)
	c.str(&e.id)
	c.bytes(&e.text)
	number(c, &e.last)
	number(c, &e.count)
	number(c, &e.known)
	number(c, &e.masked)
	list(c, &e.names, (*coder).str)
}

func (n *codeNotice) state(c *coder) {
	c.flag(&n.open)
	n.at.state(c)
	c.str(&n.id)
	c.bytes(&n.text)
	c.str(&n.model)
	c.str(&n.file)
	number(c, &n.lines)
}

func (m *modelState) state(c *coder) {
	c.str(&m.mirror)
	c.str(&m.last)
	c.str(&m.cloned)
	c.str(&m.dir)
	c.flag(&m.inside)
	list(c, &m.scripts, func(c *coder, s *modelScript) {
		c.str(&s.name)
		c.str(&s.model)
	})
}
