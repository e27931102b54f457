// Renders Go templates as Ollama does (template/template.go of 0.30): reads JSON lines of a template and a conversation, writes a JSON line of each.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }

type asked struct {
	Template string
	Today    string
	Messages []*message
}

type answer struct{ Text, Error string }

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var one asked
		if err := in.Decode(&one); err != nil {
			panic(err)
		}
		text, err := rendered(one)
		if err != nil {
			out.Encode(answer{Error: err.Error()})
		} else {
			out.Encode(answer{Text: text})
		}
	}
}

func rendered(one asked) (string, error) {
	functions := template.FuncMap{"currentDate": func(...string) string { return one.Today }}
	parsed, err := template.New("").Option("missingkey=zero").Funcs(functions).Parse(one.Template)
	if err != nil {
		return "", err
	}
	var system []string
	var together []*message
	for _, each := range one.Messages {
		if each.Role == "system" {
			system = append(system, each.Content)
		}
		if last := len(together) - 1; last >= 0 && together[last].Role == each.Role && each.Role != "tool" {
			together[last].Content += "\n\n" + each.Content
		} else {
			together = append(together, each)
		}
	}
	var written bytes.Buffer
	err = parsed.Execute(&written, map[string]any{"System": strings.Join(system, "\n\n"), "Messages": together, "Response": ""})
	return written.String(), err
}
