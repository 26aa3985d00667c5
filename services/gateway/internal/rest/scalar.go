package rest

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkScalar checks one value of a body: a string, number, boolean, enum value or time.
func checkScalar(found *Violations, path string, field protoreflect.FieldDescriptor, value any) {
	switch written := value.(type) {
	case string:
		if field.Kind() == protoreflect.BoolKind {
			found.add(path, "%q must be true or false, not a string.", path)
			return
		}
		checkText(found, path, field, written)
	case json.Number:
		checkNumber(found, path, field, written.String())
	case bool:
		if field.Kind() != protoreflect.BoolKind {
			found.add(path, "%q must be %s, not a boolean.", path, kindWanted(field))
		}
	default:
		found.add(path, "%q must be %s, not %s.", path, kindWanted(field), kindOf(value))
	}
}

// checkText checks a value written as text: any in a query, and in JSON also numbers in quotes.
func checkText(found *Violations, path string, field protoreflect.FieldDescriptor, text string) {
	switch {
	case strings.ContainsRune(text, 0):
		found.add(path, "%q holds a null byte.", path)
		return
	case !utf8.ValidString(text):
		found.add(path, "%q is not valid UTF-8.", path)
		return
	}
	switch field.Kind() {
	case protoreflect.StringKind:
	case protoreflect.BoolKind:
		if _, err := strconv.ParseBool(text); err != nil {
			found.add(path, "%q must be true or false.", path)
		}
	case protoreflect.EnumKind:
		checkEnum(found, path, field.Enum(), text)
	case protoreflect.MessageKind:
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil && field.Message().Name() == "Timestamp" {
			found.add(path, "%q must be a time such as \"2026-12-30T09:00:00Z\".", path)
		}
	default:
		checkNumber(found, path, field, text)
	}
}

func checkNumber(found *Violations, path string, field protoreflect.FieldDescriptor, text string) {
	var err error
	switch field.Kind() {
	case protoreflect.Int32Kind:
		_, err = strconv.ParseInt(text, 10, 32)
	case protoreflect.Int64Kind:
		_, err = strconv.ParseInt(text, 10, 64)
	case protoreflect.DoubleKind:
		_, err = strconv.ParseFloat(text, 64)
	case protoreflect.EnumKind:
		if number, parseErr := strconv.Atoi(text); parseErr != nil || field.Enum().Values().ByNumber(protoreflect.EnumNumber(number)) == nil {
			checkEnum(found, path, field.Enum(), text)
		}
	default:
		found.add(path, "%q must be %s, not a number.", path, kindWanted(field))
	}
	_, notANumber := strconv.ParseFloat(text, 64)
	switch {
	case err == nil:
	case errors.Is(notANumber, strconv.ErrSyntax) && field.Kind() != protoreflect.DoubleKind:
		found.add(path, "%q is not a number; it must be %s.", path, kindWanted(field))
	default:
		found.add(path, "%q must be %s.", path, kindWanted(field))
	}
}

func checkEnum(found *Violations, path string, enum protoreflect.EnumDescriptor, text string) {
	if enum.Values().ByName(protoreflect.Name(text)) != nil {
		return
	}
	var names []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			names = append(names, string(value.Name()))
		}
	}
	found.add(path, "%q must be one of %s%s", path, strings.Join(names, ", "), suggestion{text, names})
}

func kindWanted(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.Int32Kind:
		return "a whole number from -2147483648 to 2147483647"
	case protoreflect.Int64Kind:
		return "a whole number"
	case protoreflect.DoubleKind:
		return "a number"
	default:
		return "a string"
	}
}

// isWrittenAsString tells the messages that JSON and a query write as one string.
func isWrittenAsString(message protoreflect.MessageDescriptor) bool {
	switch message.FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		return true
	default:
		return false
	}
}
