/* Translates standard input line by line with an artifact's SavedModel, through TensorFlow's C API.

       ./translate ARTIFACT OP_LIBRARY < source.txt > target.txt

   OP_LIBRARY is tensorflow_text's _sentencepiece_tokenizer.so. Exit status 2 on bad input. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { BATCH = 32 };

static void fail(const char *what, const char *why) {
  fprintf(stderr, "translate: %s: %s\n", what, why);
  exit(2);
}

static void check(TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

/* A part of a serialised protocol buffer. */
typedef struct {
  const uint8_t *at, *end;
} Bytes;

static uint64_t varint(Bytes *bytes) {
  uint64_t value = 0;
  for (int shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
    uint8_t byte = *bytes->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  bytes->at = bytes->end;
  return 0;
}

/* Reads on to the next field `number` that holds bytes; 0 if there is none left. */
static int next_field(Bytes *message, uint64_t number, Bytes *field) {
  while (message->at < message->end) {
    uint64_t tag = varint(message), size = 0;
    switch (tag & 7) {
      case 0: varint(message); break;
      case 1: size = 8; break;
      case 2: size = varint(message); break;
      case 5: size = 4; break;
      default: return 0;
    }
    if (size > (uint64_t)(message->end - message->at)) return 0;
    *field = (Bytes){message->at, message->at + size};
    message->at += size;
    if ((tag & 7) == 2 && tag >> 3 == number) return 1;
  }
  return 0;
}

/* Whether a map<string, message> that is field `number` has `key`; its value. */
static int has_entry(Bytes message, uint64_t number, const char *key, Bytes *value) {
  Bytes pair, name;
  while (next_field(&message, number, &pair)) {
    Bytes rest = pair;
    if (next_field(&pair, 1, &name) && (size_t)(name.end - name.at) == strlen(key) &&
        !memcmp(name.at, key, strlen(key)) && next_field(&rest, 2, value))
      return 1;
  }
  return 0;
}

/* The value under `key`; fails without it. */
static Bytes entry(Bytes message, uint64_t number, const char *key) {
  Bytes value = message;
  if (!has_entry(message, number, key, &value))
    fail(key, "the SavedModel's signatures do not hold it");
  return value;
}

/* The tensor that a signature's input (1) or output (2) `key` stands for: its name is "op:index". */
static TF_Output endpoint(TF_Graph *graph, Bytes signature, uint64_t side, const char *key) {
  Bytes info = entry(signature, side, key), name;
  if (!next_field(&info, 1, &name)) fail(key, "its signature names no tensor");
  char *text = strndup((const char *)name.at, name.end - name.at);
  char *colon = strrchr(text, ':');
  if (colon) *colon = '\0';
  TF_Output output = {TF_GraphOperationByName(graph, text), colon ? atoi(colon + 1) : 0};
  if (!output.oper) fail(text, "the graph has no such operation");
  free(text);
  return output;
}

static TF_Tensor *strings(char **lines, int64_t count) {
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, &count, 1, count * sizeof(TF_TString));
  TF_TString *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) {
    TF_StringInit(&values[i]);
    TF_StringCopy(&values[i], lines[i], strlen(lines[i]));
  }
  return tensor;
}

static void free_strings(TF_Tensor *tensor) {
  TF_TString *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) TF_StringDealloc(&values[i]);
  TF_DeleteTensor(tensor);
}

/* first, first + 1, ... */
static TF_Tensor *seeds(int32_t first, int64_t count) {
  TF_Tensor *tensor = TF_AllocateTensor(TF_INT32, &count, 1, count * sizeof(int32_t));
  int32_t *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) values[i] = first + (int32_t)i;
  return tensor;
}

/* `inputs` are the text and, of an artifact that samples, the seed: of these there are `number`. */
static void translate(TF_Session *session, const TF_Output *inputs, int number,
                      TF_Output translation, char **lines, int32_t first, int64_t count,
                      TF_Status *status) {
  TF_Tensor *values_in[] = {strings(lines, count), seeds(first, count)}, *output = NULL;
  TF_SessionRun(session, NULL, inputs, values_in, number, &translation, &output, 1, NULL, 0, NULL,
                status);
  check(status, "translating");
  /* (N,), or (N, K) of an artifact that gives the K best, the best first. */
  int64_t best = TF_NumDims(output) > 1 ? TF_Dim(output, 1) : 1;
  const TF_TString *values = TF_TensorData(output);
  for (int64_t i = 0; i < count; i++) {
    const TF_TString *value = &values[i * best];
    fwrite(TF_StringGetDataPointer(value), 1, TF_StringGetSize(value), stdout);
    putchar('\n');
    free(lines[i]);
  }
  free_strings(values_in[0]);
  TF_DeleteTensor(values_in[1]);
  free_strings(output);
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "translate ARTIFACT OP_LIBRARY < source.txt > target.txt");
  char *directory;
  if (asprintf(&directory, "%s/saved_model/1", argv[1]) < 0) fail("memory", "there is none left");

  TF_Status *status = TF_NewStatus();
  TF_Library *library = TF_LoadLibrary(argv[2], status);
  check(status, argv[2]);
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Buffer *description = TF_NewBuffer(); /* a MetaGraphDef */
  const char *tags[] = {"serve"};
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, directory, tags, 1, graph,
                                                     description, status);
  check(status, directory);

  /* MetaGraphDef.signature_def = 5; SignatureDef.inputs = 1, .outputs = 2; TensorInfo.name = 1. */
  const uint8_t *start = description->data;
  Bytes signature = entry((Bytes){start, start + description->length}, 5, "serving_default");
  TF_Output inputs[2] = {endpoint(graph, signature, 1, "text")};
  Bytes seed;
  int number = 1;
  if (has_entry(signature, 1, "seed", &seed))
    inputs[number++] = endpoint(graph, signature, 1, "seed");
  TF_Output translation = endpoint(graph, signature, 2, "text");

  char *lines[BATCH], *line = NULL;
  size_t capacity = 0;
  int64_t count = 0;
  int32_t first = 0; /* the number of the batch's first line, from 0 on, is its seed */
  for (ssize_t size; (size = getline(&line, &capacity, stdin)) >= 0;) {
    if (size && line[size - 1] == '\n') line[size - 1] = '\0';
    lines[count++] = strdup(line);
    if (count == BATCH) {
      translate(session, inputs, number, translation, lines, first, count, status);
      first += count, count = 0;
    }
  }
  if (count) translate(session, inputs, number, translation, lines, first, count, status);

  free(line);
  free(directory);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteBuffer(description);
  TF_DeleteLibraryHandle(library);
  TF_DeleteStatus(status);
  return fflush(stdout) || ferror(stdout) ? 2 : 0;
}
