package rest

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// CheckQuery returns the query in the form the generated code reads, or what is wrong with it.
func (route *Route) CheckQuery(raw string) (string, *status.Status) {
	given, err := url.ParseQuery(raw)
	if err != nil {
		return "", Invalid("query", "The query is not well-formed: a percent sign or a semicolon is not escaped.")
	}
	var found Violations
	query := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		field := route.parameter(name)
		if field == nil {
			found.add(shown(name), "%q is not a parameter of this call%s", shown(name), suggestion{name, route.parameters()})
			continue
		}
		query[string(field.Name())] = route.checkParameter(&found, name, field, given[name])
	}
	return query.Encode(), found.Status()
}

func (route *Route) checkParameter(found *Violations, name string, field protoreflect.FieldDescriptor, values []string) []string {
	if len(values) > 1 && !field.IsList() {
		found.add(name, "%q is given more than once.", name)
		return values
	}
	if field.Message() != nil && field.Message().Name() == "FieldMask" {
		return []string{route.checkMask(found, name, values[0])}
	}
	for _, value := range values {
		checkText(found, name, field, value)
	}
	return values
}

// checkMask returns a field mask in the spelling of the protos, which the generated code expects as it is. "*" is every field.
func (route *Route) checkMask(found *Violations, name, mask string) string {
	if mask == "*" {
		return mask
	}
	paths := strings.Split(mask, ",")
	for i, path := range paths {
		field := fieldNamed(route.bodyMessage(), path)
		if field == nil {
			found.add(name, "%q names %q, which is not a field%s", name, shown(path), suggestion{path, jsonNames(route.bodyMessage())})
			continue
		}
		paths[i] = string(field.Name())
	}
	return strings.Join(paths, ",")
}

func (route *Route) parameter(name string) protoreflect.FieldDescriptor {
	field := fieldNamed(route.input, name)
	if field == nil || !route.isParameter(field) {
		return nil
	}
	return field
}

func (route *Route) parameters() []string {
	var names []string
	for i := range route.input.Fields().Len() {
		if field := route.input.Fields().Get(i); route.isParameter(field) {
			names = append(names, field.JSONName())
		}
	}
	return names
}

// isParameter tells the fields of the request that neither the path nor the body fills.
func (route *Route) isParameter(field protoreflect.FieldDescriptor) bool {
	return route.body != "*" && route.body != string(field.Name()) && !slices.Contains(route.pathFields, string(field.Name())) &&
		(field.Message() == nil || isWrittenAsString(field.Message()))
}

// Spell turns the path of a field of the RPC's request ("user.first_name") into what the caller wrote ("firstName").
func (route *Route) Spell(path string) string {
	path = strings.TrimPrefix(path, route.body+".")
	segments := strings.Split(path, ".")
	for i, segment := range segments {
		segments[i] = camelCase(segment)
	}
	return strings.Join(segments, ".")
}

func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}
