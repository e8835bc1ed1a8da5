// Asynq's side of the benchmarks: its worker and its client.
//
// "worker N" is a server of N tasks at once, which prints a line when it is ready. "client" reads one order a line (see
// peer.ts), carries it out, and answers with one line. The Redis is in BENCH_REDIS_URL, database 3.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
)

const (
	// Long enough for every result of a run to be there at its end, as with the others.
	retention = 24 * time.Hour
	// Its own is a second; an idle worker would find each call of a round trip half a second late.
	checkInterval = 2 * time.Millisecond
	// How often a caller who waits asks.
	askInterval = 500 * time.Microsecond
)

type order struct {
	Do       string `json:"do"`
	Jobs     int    `json:"jobs"`
	InFlight int    `json:"inFlight"`
	Calls    int    `json:"calls"`
}

func main() {
	address, err := asynq.ParseRedisURI(os.Getenv("BENCH_REDIS_URL") + "/3")
	check(err)
	if os.Args[1] == "worker" {
		concurrency, err := strconv.Atoi(os.Args[2])
		check(err)
		work(address, concurrency)
		return
	}
	serve(address)
}

func work(address asynq.RedisConnOpt, concurrency int) {
	server := asynq.NewServer(address, asynq.Config{
		Concurrency:       concurrency,
		TaskCheckInterval: checkInterval,
		LogLevel:          asynq.WarnLevel,
	})
	mux := asynq.NewServeMux()
	mux.HandleFunc("ping", func(_ context.Context, task *asynq.Task) error {
		_, err := task.ResultWriter().Write([]byte(`{"status":"pong","worker":"bench"}`))
		return err
	})
	check(server.Start(mux))
	say("ready")
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
	server.Shutdown()
}

func serve(address asynq.RedisConnOpt) {
	client := asynq.NewClient(address)
	inspector := asynq.NewInspector(address)
	say("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var told order
		check(json.Unmarshal(lines.Bytes(), &told))
		switch told.Do {
		case "enqueue":
			say(map[string]float64{"seconds": enqueue(client, told.Jobs, told.InFlight)})
		case "call":
			say(map[string][]float64{"times": call(client, inspector, told.Calls)})
		default:
			say(map[string]bool{"none": true})
		}
	}
}

func send(client *asynq.Client) *asynq.TaskInfo {
	info, err := client.Enqueue(asynq.NewTask("ping", []byte("{}")), asynq.Retention(retention), asynq.MaxRetry(0))
	check(err)
	return info
}

func enqueue(client *asynq.Client, jobs, inFlight int) float64 {
	begun := time.Now()
	left := make(chan struct{}, jobs)
	for range jobs {
		left <- struct{}{}
	}
	close(left)
	var lanes sync.WaitGroup
	for range inFlight {
		lanes.Go(func() {
			for range left {
				send(client)
			}
		})
	}
	lanes.Wait()
	return time.Since(begun).Seconds()
}

func call(client *asynq.Client, inspector *asynq.Inspector, calls int) []float64 {
	times := make([]float64, 0, calls)
	for range calls {
		begun := time.Now()
		sent := send(client)
		for {
			info, err := inspector.GetTaskInfo(sent.Queue, sent.ID)
			check(err)
			if info.State == asynq.TaskStateCompleted {
				break
			}
			time.Sleep(askInterval)
		}
		times = append(times, float64(time.Since(begun).Microseconds())/1000)
	}
	return times
}

func say(answer any) {
	line, err := json.Marshal(answer)
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
