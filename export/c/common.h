/* What all programs do: load an artifact's SavedModel and read lines. */

#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensorflow/c/c_api.h"

enum { BATCH = 32 };

/* A line, or a part of one: any bytes, NUL too. */
typedef struct {
  char *start;
  size_t size;
} Text;

/* A part of a serialised protocol buffer. */
typedef struct {
  const uint8_t *at, *end;
} Bytes;

typedef struct {
  TF_Library *library;
  TF_Graph *graph;
  TF_Session *session;
  TF_Buffer *description; /* a MetaGraphDef */
  Bytes signature;        /* its serving_default */
} Model;

/* Ends the program with one sentence and status 2. */
_Noreturn void fail(const char *what, const char *why);

/* Loads ARTIFACT/saved_model/1, whose tokenizer needs the operators of OP_LIBRARY. */
Model load_model(const char *artifact, const char *op_library);
void free_model(Model *model);

int has_input(const Model *model, const char *key);
int has_output(const Model *model, const char *key);
TF_Output input(const Model *model, const char *key);
TF_Output output(const Model *model, const char *key);

/* Runs the model; the outputs are the caller's to delete, and so are the inputs. */
void run(const Model *model, const TF_Output *inputs, TF_Tensor *const *values_in, int number_in,
         const TF_Output *outputs, TF_Tensor **values_out, int number_out);

/* A tensor (count,) of strings, which free_strings deletes. */
TF_Tensor *strings(const Text *texts, int64_t count);
void free_strings(TF_Tensor *tensor);
void print_string(const TF_TString *value);

/* Reads up to BATCH lines of standard input, without their ends; free_lines deletes them. */
int64_t read_lines(Text *lines);
void free_lines(Text *lines, int64_t count);

/* Writes what is still to be written; the program's status. */
int finish(void);
