package decode

// What changed in the memory of build text since it was saved. As long as
// nobody saves, nothing is noted.

// watch starts to note what changes; what is there was never saved.
func (m *textMemory) watch() {
	if m.track {
		return
	}
	m.track = true
	for j := m.oldst; j != nil; j = j.newer {
		m.change(j)
	}
}

// change notes that a job is no longer as it was saved.
func (m *textMemory) change(j *textJob) {
	if m.track && j.changed == 0 {
		m.changed = append(m.changed, j)
		j.changed = len(m.changed)
	}
}

// forget notes that a job is gone.
func (m *textMemory) forget(j *textJob) {
	if j.changed > 0 {
		n := len(m.changed) - 1
		last := m.changed[n]
		m.changed[j.changed-1], last.changed = last, j.changed
		m.changed[n] = nil
		m.changed, j.changed = m.changed[:n], 0
	}
	if j.saved != "" {
		m.dropped = append(m.dropped, j.saved)
	}
}

// restore fills an empty memory with jobs that were saved, the oldest first.
func (m *textMemory) restore(jobs []*textJob) {
	m.track = true
	for _, j := range jobs {
		at := j.order
		m.jobs[j.key] = j
		m.push(j)
		j.order = at
		m.low, m.high = min(m.low, at), max(m.high, at)
	}
}
