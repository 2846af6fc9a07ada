package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// server is a process whose CPU time is counted.
type server struct {
	name string
	pid  int
}

// tick is the unit of times in /proc (USER_HZ), 100 a second on every platform of Linux that matters here.
const tick = 10 * time.Millisecond

func parseServers(list string) ([]server, error) {
	var all []server
	for _, entry := range strings.Split(list, ",") {
		name, pid, ok := strings.Cut(entry, "=")
		n, err := strconv.Atoi(pid)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not name=PID", entry)
		}
		all = append(all, server{name, n})
	}
	return all, nil
}

// process is what /proc/PID/stat tells.
type process struct {
	parent      int
	own, waited time.Duration // CPU time of itself, and of the children that ended
}

// usage returns the CPU time of each server so far, that of all processes below it included, running or ended.
func usage(servers []server) []time.Duration {
	all := processes()
	used := make([]time.Duration, len(servers))
	for n, s := range servers {
		for pid, p := range all {
			if below(all, pid, s.pid) {
				used[n] += p.own + p.waited
			}
		}
	}
	return used
}

func below(all map[int]process, pid, root int) bool {
	for pid != root {
		p, known := all[pid]
		if !known || p.parent == 0 {
			return false
		}
		pid = p.parent
	}
	return true
}

func processes() map[int]process {
	all := map[int]process{}
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return all
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended meanwhile; its parent has its time
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		// proc_pid_stat(5): the name in parentheses may hold anything; state, ppid and the rest follow it.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) < 15 {
			continue
		}
		number := func(n int) int64 {
			v, _ := strconv.ParseInt(fields[n], 10, 64) // the kernel writes numbers
			return v
		}
		all[pid] = process{
			parent: int(number(1)), own: time.Duration(number(11)+number(12)) * tick, waited: time.Duration(number(13)+number(14)) * tick,
		}
	}
	return all
}
