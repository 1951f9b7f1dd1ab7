package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const benchTopic = "bench.cloudtrail"

// brokerSpec says what the broker's process serves.
type brokerSpec struct {
	Events     string // file of records, one a line; "": what is produced
	Partitions int
	Codec      string // none or zstd
}

// broker is the role of a Kafka broker: kfake for the group, the metadata and
// the commits; the fetches are answered from batches made beforehand. It prints
// its address and works until its standard input ends.
func broker(s brokerSpec) error {
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(int32(s.Partitions), benchTopic)}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	if s.Events != "" {
		codec := kgo.NoCompression()
		if s.Codec == "zstd" {
			codec = kgo.ZstdCompression()
		}
		parts, err := shelves(s.Events, s.Partitions, codec, time.Now().UnixMilli())
		if err != nil {
			return err
		}
		serve(c, parts)
	}
	fmt.Println(strings.Join(c.ListenAddrs(), ","))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// serve answers ListOffsets and Fetch from the shelves.
func serve(c *kfake.Cluster, parts []shelf) {
	c.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return listOffsets(r.(*kmsg.ListOffsetsRequest), parts), nil, true
	})
	c.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.FetchRequest)
		res, empty := fetch(req, parts)
		if empty {
			c.SleepControl(func() { time.Sleep(time.Duration(req.MaxWaitMillis) * time.Millisecond) })
		}
		return res, nil, true
	})
}

func listOffsets(req *kmsg.ListOffsetsRequest, parts []shelf) kmsg.Response {
	res := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition = p.Partition
			if rp.Offset = parts[p.Partition].end; p.Timestamp == -2 {
				rp.Offset = 0
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res
}

func fetch(req *kmsg.FetchRequest, parts []shelf) (res *kmsg.FetchResponse, empty bool) {
	res = req.ResponseKind().(*kmsg.FetchResponse)
	empty = true
	for _, t := range req.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			s := &parts[p.Partition]
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.HighWatermark, rp.LastStableOffset, rp.LogStartOffset = p.Partition, s.end, s.end, 0
			rp.RecordBatches = s.from(p.FetchOffset, int(p.PartitionMaxBytes))
			empty = empty && rp.RecordBatches == nil
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, empty
}
