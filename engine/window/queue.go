package window

// Queue gives back what was put in, in an order, whatever the order it came
// in. What comes in order costs no more than a list; the rest goes to a heap.
type Queue[T any] struct {
	Before func(a, b T) bool
	run    []T // in order, from head on
	head   int
	heap   []T
}

// Len counts what is in the queue.
func (q *Queue[T]) Len() int { return len(q.run) - q.head + len(q.heap) }

// Push puts in.
func (q *Queue[T]) Push(v T) {
	if n := len(q.run); n == q.head || !q.Before(v, q.run[n-1]) {
		if q.head > 64 && q.head > n/2 {
			var zero T
			m := copy(q.run, q.run[q.head:])
			for i := m; i < n; i++ {
				q.run[i] = zero
			}
			q.run, q.head = q.run[:m], 0
		}
		q.run = append(q.run, v)
		return
	}
	q.heap = append(q.heap, v)
	for i := len(q.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.Before(q.heap[i], q.heap[up]) {
			break
		}
		q.heap[i], q.heap[up] = q.heap[up], q.heap[i]
		i = up
	}
}

// Peek gives the first without taking it.
func (q *Queue[T]) Peek() (v T, ok bool) {
	switch {
	case q.fromHeap():
		return q.heap[0], true
	case q.head < len(q.run):
		return q.run[q.head], true
	}
	return v, false
}

func (q *Queue[T]) fromHeap() bool {
	return len(q.heap) > 0 && (q.head == len(q.run) || q.Before(q.heap[0], q.run[q.head]))
}

// Pop takes the first; the queue must not be empty.
func (q *Queue[T]) Pop() (v T) {
	var zero T
	if !q.fromHeap() {
		v, q.run[q.head] = q.run[q.head], zero
		if q.head++; q.head == len(q.run) {
			q.run, q.head = emptied(q.run), 0
		}
		return v
	}
	v = q.heap[0]
	n := len(q.heap) - 1
	q.heap[0], q.heap[n] = q.heap[n], zero
	q.heap = q.heap[:n]
	if n == 0 {
		q.heap = emptied(q.heap)
	}
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			return v
		}
		if c+1 < n && q.Before(q.heap[c+1], q.heap[c]) {
			c++
		}
		if !q.Before(q.heap[c], q.heap[i]) {
			return v
		}
		q.heap[i], q.heap[c] = q.heap[c], q.heap[i]
		i = c
	}
}

// emptied keeps the array of an empty list for what comes next, unless a flood
// made it large.
func emptied[T any](l []T) []T {
	if cap(l) > 4096 {
		return nil
	}
	return l[:0]
}
