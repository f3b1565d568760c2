# SPDX-License-Identifier: GPL-2.0
# Timelines of traces: a panel per trace with two lanes, the guest above, the host below; marks above them.
#
# `exitlab plot --as timeline` writes the variables before this text and keeps the whole as a .gp file
# beside the plot, to be edited and run again (gnuplot 5.2 or later). It expects:
#   base      name of the output without .svg and .png
#   data      three blocks (index) per panel: spans in the guest and in the host (from to label),
#             marks (at label); the first line of each is empty
#   heading   text above
#   panels    how many; of each panel_title[], panel_note[], panel_length[] (us)

left_w = 70
frame_w = 900
head_h = 44
title_h = 40
lane_h = 190
tick_h = 46
row_h = title_h + lane_h + tick_h
width = left_w + frame_w + 20
height = head_h + panels * row_h + 10
at(y) = 1.0 - y / (1.0 * height)

do for [format in "svg png"] {
	# Sizes of letters are points in one and pixels in the other.
	pt = format eq "svg" ? 4.0 / 3 : 1.0
	font(size) = sprintf(",%g", size * pt)
	if (format eq "svg") {
		set terminal svg size width,height font "DejaVu Sans,13.3" background "white" noenhanced
	} else {
		if (strstrt(GPVAL_TERMINALS, "pngcairo") > 0) {
			set terminal pngcairo size width,height font "DejaVu Sans,10" background "white" noenhanced
		} else {
			set terminal png size width,height font "DejaVuSans,10" background "#ffffff" noenhanced
		}
	}
	set output base . "." . format
	set multiplot
	set border 1
	unset key
	set label 1 heading at screen 12.0/width, at(20) left font font(14)
	do for [p = 1:panels] {
		top = head_h + (p - 1) * row_h + title_h
		set lmargin at screen left_w / (1.0 * width)
		set rmargin at screen (left_w + frame_w) / (1.0 * width)
		set tmargin at screen at(top)
		set bmargin at screen at(top + lane_h)
		set label 2 panel_title[p] at screen 12.0/width, at(top - 22) left font font(11)
		set label 3 panel_note[p] at screen (left_w + frame_w) / (1.0 * width), at(top - 22) right font font(9) tc rgb "#404040"
		set xrange [0:panel_length[p]]
		set yrange [0:4]
		set xtics nomirror out
		set ytics nomirror scale 0 ("host" 0.7, "guest" 1.9)
		set xlabel "us" offset 0,0.4
		# Marks may stand close together, so their names are upright; narrow stays in the host have none.
		plot data index 3*p-3 using 1:(1.5):1:2:(1.5):(2.3) with boxxyerror fs solid 0.25 border lc rgb "black", \
			data index 3*p-2 using 1:(0.3):1:2:(0.3):(1.1) with boxxyerror fs pattern 4 border lc rgb "black", \
			data index 3*p-2 using (($1+$2)/2):(1.16):($2 > $1 ? stringcolumn(3) : "") with labels rotate by 35 left font font(7.5) tc rgb "#202020", \
			data index 3*p-1 using 1:(2.4):(0):(0.35) with vectors backhead lc rgb "black", \
			data index 3*p-1 using 1:(2.8):2 with labels rotate by 35 left font font(7.5)
		do for [i = 1:3] { unset label i }
	}
	unset multiplot
	set output
	reset
}
