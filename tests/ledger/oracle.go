// SPDX-License-Identifier: Apache-2.0

// Reads a log of ours with golang.org/x/mod/sumdb (by unrelated authors): verifies the checkpoint's signature, every
// tile against the root, every entry against its tile, and the proofs that we made. Prints "ok" or fails.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Index int64
	Path  []string
}

type consistency struct {
	Size int64
	Root string
	Path []string
}

type claims struct {
	Key         string
	Inclusion   []inclusion
	Consistency []consistency
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hash(text string) tlog.Hash {
	h, err := tlog.ParseHash(text)
	check(err)
	return h
}

func hashes(texts []string) []tlog.Hash {
	out := []tlog.Hash{}
	for _, text := range texts {
		out = append(out, hash(text))
	}
	return out
}

type tiles struct{ dir string }

func (tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	out := [][]byte{}
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.dir, "tile", strings.TrimPrefix(tile.Path(), "tile/8/")))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	dir := os.Args[1]
	var said claims
	check(json.NewDecoder(os.Stdin).Decode(&said))
	verifier, err := note.NewVerifier(said.Key)
	check(err)
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	tree := tlog.Tree{N: size, Hash: hash(lines[2])}
	reader := tlog.TileHashReader(tree, tiles{dir})

	for start := int64(0); start < size; start += 256 {
		width := size - start
		tile := tlog.Tile{H: 8, L: 0, N: start / 256, W: 256}
		if width < 256 {
			tile.W = int(width)
		}
		data, err := os.ReadFile(filepath.Join(dir, "tile", "entries", strings.TrimPrefix(tile.Path(), "tile/8/0/")))
		check(err)
		for index := start; index < start+int64(tile.W); index++ {
			length := binary.BigEndian.Uint16(data)
			entry := data[2 : 2+length]
			data = data[2+length:]
			stored, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			check(err)
			if stored[0] != tlog.RecordHash(entry) {
				check(fmt.Errorf("entry %d is not in its tile", index))
			}
		}
	}
	for _, one := range said.Inclusion {
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, one.Index)})
		check(err)
		check(tlog.CheckRecord(hashes(one.Path), size, tree.Hash, one.Index, leaf[0]))
		theirs, err := tlog.ProveRecord(size, one.Index, reader)
		check(err)
		if fmt.Sprint(theirs) != fmt.Sprint(tlog.RecordProof(hashes(one.Path))) {
			check(fmt.Errorf("the proofs of entry %d differ", one.Index))
		}
	}
	for _, one := range said.Consistency {
		check(tlog.CheckTree(hashes(one.Path), size, tree.Hash, one.Size, hash(one.Root)))
	}
	fmt.Println("ok", size, base64.StdEncoding.EncodeToString(tree.Hash[:]))
}
