package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// CheckBody returns what is wrong with a body, or nil. The body of a call that takes none is not looked at.
func (route *Route) CheckBody(raw []byte) *status.Status {
	message := route.bodyMessage()
	if message == nil {
		return nil
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		if route.body == "*" {
			return nil
		}
		return Invalid("body", "The body is empty; it must be a JSON object.")
	}
	if !utf8.Valid(raw) {
		return Invalid("body", "The body is not valid UTF-8.")
	}
	object, mistake := parseObject(raw)
	if mistake != "" {
		return Invalid("body", "%s", mistake)
	}
	var found Violations
	checkObject(&found, "", message, object)
	return found.Status()
}

// parseObject returns the object, or a sentence on why it is none. The sentence quotes nothing: a body may hold personal data.
func parseObject(raw []byte) (object map[string]any, mistake string) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, "The body is not valid JSON: " + whereItBreaks(raw, err) + "."
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, "The body goes on after its JSON object."
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, "The body must be a JSON object, not " + kindOf(value) + "."
	}
	return object, ""
}

func whereItBreaks(raw []byte, err error) string {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return "it ends too early"
	}
	before := raw[:min(int(syntax.Offset), len(raw))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Sprintf("it breaks at line %d, column %d", line, column)
}

func checkObject(found *Violations, path string, message protoreflect.MessageDescriptor, object map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		field := fieldNamed(message, name)
		if field == nil {
			unknown := path + shown(name)
			found.add(unknown, "%q is not a field%s", unknown, suggestion{name, jsonNames(message)})
			continue
		}
		checkField(found, path+name, field, object[name])
	}
}

func checkField(found *Violations, path string, field protoreflect.FieldDescriptor, value any) {
	switch {
	case value == nil: // as if it were left out
	case field.IsMap():
		checkMap(found, path, field.MapValue(), value)
	case field.IsList():
		checkList(found, path, field, value)
	default:
		checkSingle(found, path, field, value)
	}
}

func checkList(found *Violations, path string, field protoreflect.FieldDescriptor, value any) {
	list, ok := value.([]any)
	if !ok {
		found.add(path, "%q must be a list, not %s.", path, kindOf(value))
	}
	for i, element := range list {
		checkSingle(found, fmt.Sprintf("%s[%d]", path, i), field, element)
	}
}

func checkMap(found *Violations, path string, values protoreflect.FieldDescriptor, value any) {
	object, ok := value.(map[string]any)
	if !ok {
		found.add(path, "%q must be an object, not %s.", path, kindOf(value))
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		checkSingle(found, path+"."+shown(key), values, object[key])
	}
}

func checkSingle(found *Violations, path string, field protoreflect.FieldDescriptor, value any) {
	if field.Message() == nil || isWrittenAsString(field.Message()) {
		checkScalar(found, path, field, value)
		return
	}
	if object, ok := value.(map[string]any); ok {
		checkObject(found, path+".", field.Message(), object)
	} else {
		found.add(path, "%q must be an object, not %s.", path, kindOf(value))
	}
}

func fieldNamed(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByName(protoreflect.Name(name))
}

func jsonNames(message protoreflect.MessageDescriptor) []string {
	names := make([]string, message.Fields().Len())
	for i := range names {
		names[i] = message.Fields().Get(i).JSONName()
	}
	return names
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}
