// http_client asks a server over HTTP with Go's own client, and prints a line for each answer: status, SHA-256 of its body, coding.
//
// Usage: http_client URL FILE COUNT AT_ONCE [chunks] [expect] [gzip]
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
)

func main() {
	url, file, words := os.Args[1], os.Args[2], os.Args[5:]
	count, atOnce := number(os.Args[3]), number(os.Args[4])
	turns := make(chan struct{}, count)
	for range count {
		turns <- struct{}{}
	}
	close(turns)
	var group sync.WaitGroup
	for range atOnce {
		group.Add(1)
		go func() {
			defer group.Done()
			for range turns {
				ask(url, file, words)
			}
		}()
	}
	group.Wait()
}

func ask(url, file string, words []string) {
	body, err := os.Open(file)
	check(err)
	request, err := http.NewRequest("POST", url, body)
	check(err)
	request.Header.Set("Content-Type", "application/json")
	if !slices.Contains(words, "chunks") {
		about, err := body.Stat()
		check(err)
		request.ContentLength = about.Size()
	}
	if slices.Contains(words, "expect") {
		request.Header.Set("Expect", "100-continue")
	}
	if slices.Contains(words, "gzip") {
		request.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := http.DefaultClient.Do(request) // it asks for gzip itself, and unpacks it
	check(err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	check(err)
	coding := "identity"
	if answer.Uncompressed {
		coding = "gzip"
	}
	fmt.Printf("%d %x %s\n", answer.StatusCode, sha256.Sum256(content), coding)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
